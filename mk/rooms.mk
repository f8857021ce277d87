# SPDX-License-Identifier: Apache-2.0
# The rooms of src/, lowest first, and what each may include. This is the only place that says so: the
# Makefile links by it and tools/check-layers judges by it, so every line keeps the form `may_ROOM := ...` or
# `users_HEADER := ...`. cluster, mpi.h and kernel/neon are not built yet.

ROOMS := base quant machine gguf text kernel backend weights cluster model engine server cli

# A room may include itself and these, nothing else. fathom.h is the public header; behind it stands engine.
may_base    :=
may_quant   := base
may_machine := base
may_gguf    := quant base
may_text    := gguf base
may_kernel  := quant base
may_backend := kernel machine quant base
may_weights := backend machine gguf quant base
may_cluster := machine base
may_model   := weights backend cluster base
may_engine  := fathom.h model weights backend cluster text gguf machine base
may_server  := fathom.h base
may_cli     := fathom.h server weights gguf quant kernel machine base

# The rooms that may include a library's header.
users_hwloc.h       := machine
users_pcre2.h       := text
users_jansson.h     := engine server cli
users_microhttpd.h  := server
users_curl/curl.h   := cli
users_openssl/evp.h := cli
users_histedit.h    := cli
users_editline/readline.h := cli
users_xxhash.h      := weights engine
users_mpi.h         := cluster
# and those of single instruction sets; a path is a folder inside a room
users_immintrin.h   := kernel/avx2 kernel/avx512 kernel/lanes
users_arm_neon.h    := kernel/neon
users_cpuid.h       := kernel
# tests may use every library but those
users_cmocka.h      := tests
