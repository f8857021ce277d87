/* SPDX-License-Identifier: Apache-2.0 */
/* panel_k.c - the K-quants and IQ4_XS in panels of this level. */
#include "kernel/avx512/avx512.h"
#include "kernel/avx512/panel.h"
#include "kernel/lanes/lanes_k.h"

PANEL_PRODUCT(q2_k, .span_bytes = sizeof(struct block_q2_k), .group = 32, .minimum = 16, .flat = true)
PANEL_PRODUCT(q3_k, .span_bytes = sizeof(struct block_q3_k), .group = 32, .offset = 128, .flat = true)
PANEL_PRODUCT(q4_k, .span_bytes = sizeof(struct block_q4_k), .group = 32, .minimum = 32)
PANEL_PRODUCT(q5_k, .span_bytes = sizeof(struct block_q5_k), .group = 32, .minimum = 32)
PANEL_PRODUCT(q6_k, .span_bytes = sizeof(struct block_q6_k), .group = 16, .offset = 32)
PANEL_PRODUCT(iq4_xs, .span_bytes = sizeof(struct block_iq4_xs), .group = 32, .offset = 128)
