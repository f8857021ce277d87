/* SPDX-License-Identifier: Apache-2.0 */
/* test_pull.c - `fathom pull` against a host that has every fault: a process of its own for each run, so that
 * it can be interrupted and killed. */
#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#include "base/file.h"
#include "cli/command.h"
#include "cli/model_host.h"
#include "scratch.h"

#define SHARD_BYTES ((size_t)3 << 20) /* three pieces */
#define SHARD_1     "M-Q2_K/M-Q2_K-00001-of-00002.gguf"
#define SHARD_2     "M-Q2_K/M-Q2_K-00002-of-00002.gguf"

/* A test's host and folder; the models of org/model are M-Q2_K in two shards, M-UD-Q2_K and M-Q2_K_L. */
struct stage {
    struct model_host host;
    struct scratch scratch;
    char text[1 << 14]; /* what text_of() read last */
};

enum { FILE_README, FILE_SHARD_1, FILE_SHARD_2, FILE_UD, FILE_L };

static int set_up(void **state)
{
    struct stage *stage = calloc(1, sizeof *stage);
    assert_non_null(stage);
    scratch_make(&stage->scratch);
    model_host_open(&stage->host);
    model_host_add(&stage->host, "README.md", 100, 1, false);
    model_host_add(&stage->host, SHARD_1, SHARD_BYTES, 2, true);
    model_host_add(&stage->host, SHARD_2, SHARD_BYTES - 12345, 3, true);
    model_host_add(&stage->host, "M-UD-Q2_K/M-UD-Q2_K.gguf", 5000, 4, true);
    model_host_add(&stage->host, "M-Q2_K_L.gguf", 6000, 5, false);
    *state = stage;
    return 0;
}

static int tear_down(void **state)
{
    struct stage *stage = *state;
    model_host_close(&stage->host);
    scratch_remove(&stage->scratch);
    free(stage);
    return 0;
}

/* ---- running ---- */

#define MOST_WORDS 12

static void become_pull(struct stage *stage, char **words, int n_words)
{
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%d/", stage->host.ports[0]);
    setenv("HF_ENDPOINT", endpoint, 1);
    setenv("XDG_DATA_HOME", stage->scratch.folder, 1);
    unsetenv("http_proxy");
    int out = open(scratch_path(&stage->scratch, "out"), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    int err = open(scratch_path(&stage->scratch, "err"), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    signal(SIGXFSZ, SIG_IGN);
    int status = command_pull(n_words, words);
    fflush(NULL);
    _exit(status);
}

/* Words behind "pull", NULL last. The process, which the caller waits for. */
static pid_t start(struct stage *stage, const char *const *words)
{
    char *all[MOST_WORDS + 1] = {(char *)"pull"};
    int n = 1;
    for (; words[n - 1] != NULL; n++)
        all[n] = (char *)words[n - 1];
    pid_t process = fork();
    assert_true(process >= 0);
    if (process == 0)
        become_pull(stage, all, n);
    return process;
}

static int wait_for(pid_t process)
{
    int status;
    assert_int_equal(waitpid(process, &status, 0), process);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#define pull(stage, ...) wait_for(start(stage, (const char *const[]){__VA_ARGS__, NULL}))

/* ---- looking ---- */

static const char *text_of(struct stage *stage, const char *name)
{
    struct buffer text = {0};
    struct error err = {""};
    if (!file_read(&text, scratch_path(&stage->scratch, name), sizeof stage->text - 1, &err))
        fail_msg("%s: %s", name, err.text);
    snprintf(stage->text, sizeof stage->text, "%s", buffer_text(&text));
    buffer_release(&text);
    return stage->text;
}

static void expect_said(struct stage *stage, const char *what)
{
    if (strstr(text_of(stage, "err"), what) == NULL)
        fail_msg("expected '%s' on standard error, which has: %s", what, stage->text);
}

/* The file below org/model's folder, or below `folder`. */
static bool is_there(struct stage *stage, const char *path, const char *ending)
{
    char name[256];
    snprintf(name, sizeof name, "fathom/models/org/model/%s%s", path, ending);
    return file_kind(scratch_path(&stage->scratch, name)) != FILE_MISSING;
}

static void expect_file(struct stage *stage, size_t number)
{
    const struct hosted_file *file = &stage->host.files[number];
    struct buffer bytes = {0};
    char name[256];
    snprintf(name, sizeof name, "fathom/models/org/model/%s", file->path);
    assert_true(file_read(&bytes, scratch_path(&stage->scratch, name), 1 << 24, NULL));
    assert_int_equal(bytes.n_bytes, file->n_bytes);
    assert_memory_equal(bytes.bytes, file->bytes, file->n_bytes);
    buffer_release(&bytes);
    assert_false(is_there(stage, file->path, ".part"));
    assert_false(is_there(stage, file->path, ".part.json"));
    assert_int_equal(is_there(stage, file->path, ".sha256"), file->sum[0] != '\0');
}

static void expect_model(struct stage *stage)
{
    expect_file(stage, FILE_SHARD_1);
    expect_file(stage, FILE_SHARD_2);
}

static void expect_nothing(struct stage *stage, const char *path)
{
    assert_false(is_there(stage, path, ""));
    assert_false(is_there(stage, path, ".part"));
    assert_false(is_there(stage, path, ".part.json"));
}

/* Waits until a record says that bytes are there. */
static void wait_for_record(struct stage *stage)
{
    for (int i = 0; i < 2000; i++) {
        if (is_there(stage, SHARD_1, ".part.json")) {
            const char *held =
                strstr(text_of(stage, "fathom/models/org/model/" SHARD_1 ".part.json"), "held");
            if (held != NULL && strpbrk(held, "123456789") != NULL)
                return;
        }
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    fail_msg("nothing was recorded");
}

/* ---- tests ---- */

static void test_fetches_shards_together(void **state)
{
    struct stage *stage = *state;
    model_host_set(&stage->host, (struct host_faults){.wants_token = true, .delay_ms = 20});
    stage->host.page_files = 2;
    setenv("HF_TOKEN", "secret", 1);
    assert_int_equal(pull(stage, "org/model:q2_k"), STATUS_DONE);
    unsetenv("HF_TOKEN");
    expect_model(stage);
    expect_said(stage, "HF_TOKEN goes there in the clear");
    assert_false(is_there(stage, "M-Q2_K_L.gguf", ""));
    assert_false(stage->host.token_leaked);
    assert_true(stage->host.n_together >= 4); /* three pieces of a file, and so two files */
    const char *path = text_of(stage, "out");
    assert_non_null(strstr(path, "/fathom/models/org/model/" SHARD_1 "\n"));
    assert_null(strstr(path, SHARD_2));

    /* A second time there is nothing to do; and nothing but reading where no sum was noted. */
    model_host_set(&stage->host, (struct host_faults){0});
    assert_int_equal(pull(stage, "org/model:q2_k"), STATUS_DONE);
    assert_int_equal(stage->host.n_answers, 0);
    unlink(scratch_path(&stage->scratch, "fathom/models/org/model/" SHARD_1 ".sha256"));
    assert_int_equal(pull(stage, "org/model:q2_k"), STATUS_DONE);
    assert_int_equal(stage->host.n_answers, 0);
    expect_model(stage);
}

static void test_chooses(void **state)
{
    struct stage *stage = *state;
    assert_int_equal(pull(stage, "org/model"), STATUS_FAILED);
    expect_said(stage, "has several; name one of them");
    expect_said(stage, "  UD-Q2_K");
    expect_said(stage, "  Q2_K_L");
    assert_int_equal(pull(stage, "org/model:Q5_K"), STATUS_FAILED);
    expect_said(stage, "has no 'Q5_K'");
    expect_said(stage, "  Q2_K_L");
    assert_int_equal(pull(stage, "org/model:ud-q2_k"), STATUS_DONE);
    expect_file(stage, FILE_UD);
    assert_int_equal(pull(stage, "org/model", "--include", "*.md"), STATUS_DONE);
    expect_file(stage, FILE_README);
    assert_int_equal(pull(stage, "org/model:Q2_K", "--include", "*-00001-of-*"), STATUS_DONE);
    expect_file(stage, FILE_SHARD_1);
    expect_nothing(stage, SHARD_2);
    assert_int_equal(pull(stage, "org/model:M-Q2_K_L", "-o", stage->scratch.folder), STATUS_DONE);
    assert_int_equal(file_kind(scratch_path(&stage->scratch, "M-Q2_K_L.gguf")), FILE_REGULAR);
    stage->host.n_files = FILE_SHARD_2;
    assert_int_equal(pull(stage, "org/model"), STATUS_FAILED);
    expect_said(stage, "only 1 of its 2 shards");
}

static void test_survives_cuts_and_refusals(void **state)
{
    struct stage *stage = *state;
    model_host_set(&stage->host, (struct host_faults){.n_cuts = 7, .cut_bytes = 100001});
    assert_int_equal(pull(stage, "org/model:Q2_K"), STATUS_DONE);
    expect_model(stage);
    model_host_change(&stage->host, FILE_UD, 7000, 9);
    model_host_set(&stage->host, (struct host_faults){.file_status = 500, .n_refusals = 1});
    assert_int_equal(pull(stage, "org/model:UD-Q2_K"), STATUS_DONE);
    expect_file(stage, FILE_UD);
    model_host_change(&stage->host, FILE_UD, 7000, 10);
    model_host_set(&stage->host, (struct host_faults){.file_status = 429, .n_refusals = 1});
    assert_int_equal(pull(stage, "org/model:UD-Q2_K"), STATUS_DONE);
    expect_file(stage, FILE_UD);
}

/* Those that it turns away wait for the one that it lets in, however often they are. */
static void test_shares_one_connection(void **state)
{
    struct stage *stage = *state;
    model_host_set(&stage->host, (struct host_faults){.most_together = 1, .delay_ms = 200});
    assert_int_equal(pull(stage, "org/model:Q2_K", "--connections", "3", "--retries", "1"), STATUS_DONE);
    expect_model(stage);
    assert_int_equal(stage->host.n_together, 1);
}

/* A file that is cut each time, and begins anew each time, is given up though bytes come. */
static void test_gives_up_what_never_ends(void **state)
{
    struct stage *stage = *state;
    model_host_set(&stage->host, (struct host_faults){.no_ranges = true, .n_cuts = 1000, .cut_bytes = 4000});
    assert_int_equal(pull(stage, "org/model:UD-Q2_K", "--connections", "1", "--retries", "2"), STATUS_FAILED);
    expect_said(stage, "M-UD-Q2_K.gguf");
}

static void test_takes_whole_files(void **state)
{
    struct stage *stage = *state;
    model_host_set(&stage->host, (struct host_faults){.no_ranges = true, .n_cuts = 1, .cut_bytes = 2000000});
    assert_int_equal(pull(stage, "org/model:Q2_K"), STATUS_DONE);
    expect_model(stage);
}

/* Ends a run where 900000 bytes of the first piece are there. */
static void leave_a_part(struct stage *stage)
{
    model_host_set(&stage->host, (struct host_faults){.stall_bytes = 900000});
    pid_t process = start(stage, (const char *const[]){"org/model:Q2_K", "--connections", "1", NULL});
    wait_for_record(stage);
    kill(process, SIGKILL);
    wait_for(process);
}

/* One answer without a range, as a proxy gives now and then, does not cost what is there. */
static void test_asks_again_for_ranges(void **state)
{
    struct stage *stage = *state;
    leave_a_part(stage);
    model_host_set(&stage->host, (struct host_faults){.n_whole = 1});
    assert_int_equal(pull(stage, "org/model:Q2_K", "--connections", "1"), STATUS_DONE);
    expect_model(stage);
    assert_int_equal(stage->host.n_answers, 1 + 6); /* that one, and the pieces */
    model_host_change(&stage->host, FILE_SHARD_1, SHARD_BYTES, 50);
    leave_a_part(stage);
    model_host_set(&stage->host, (struct host_faults){.no_ranges = true});
    assert_int_equal(pull(stage, "org/model:Q2_K", "--connections", "1", "--retries", "1"), STATUS_DONE);
    expect_model(stage);
}

/* Nor does one that is not the file at all. */
static void test_keeps_what_is_listed_as_before(void **state)
{
    struct stage *stage = *state;
    static const struct host_faults others[] = {{.more_bytes = 1}, {.etag_changes = true, .plain = true}};
    for (size_t i = 0; i < 2; i++) {
        leave_a_part(stage);
        model_host_set(&stage->host, others[i]);
        assert_int_equal(pull(stage, "org/model:Q2_K", "--connections", "1"), STATUS_FAILED);
        expect_said(stage,
                    i == 0 ? "something else now (another size)" : "something else now (another ETag)");
        model_host_set(&stage->host, (struct host_faults){.plain = true});
        assert_int_equal(pull(stage, "org/model:Q2_K"), STATUS_DONE);
        expect_model(stage);
        if (stage->host.n_sent > 2 * SHARD_BYTES - 500000)
            fail_msg("%zu bytes were sent again", stage->host.n_sent);
        model_host_change(&stage->host, FILE_SHARD_1, SHARD_BYTES, 60 + i);
        model_host_change(&stage->host, FILE_SHARD_2, SHARD_BYTES, 70 + i);
    }
}

static void test_goes_on_after_a_kill(void **state)
{
    struct stage *stage = *state;
    static const int signals[] = {SIGKILL, SIGINT};
    for (size_t i = 0; i < 2; i++) {
        model_host_set(&stage->host, (struct host_faults){.stall_bytes = 900000});
        pid_t process = start(stage, (const char *const[]){"org/model:Q2_K", NULL});
        wait_for_record(stage);
        kill(process, signals[i]);
        assert_int_equal(wait_for(process), 128 + signals[i]);
        if (signals[i] == SIGINT)
            expect_said(stage, "MiB here; the same command goes on");
        assert_int_equal(is_there(stage, SHARD_1, ""),
                         i > 0); /* what was whole stays until there is another */
        model_host_set(&stage->host, (struct host_faults){0});
        assert_int_equal(pull(stage, "org/model:Q2_K"), STATUS_DONE);
        expect_model(stage);
        if (stage->host.n_sent > 2 * SHARD_BYTES - 1500000)
            fail_msg("%zu bytes were sent again", stage->host.n_sent);
        model_host_change(&stage->host, FILE_SHARD_1, SHARD_BYTES, 20 + i);
        model_host_change(&stage->host, FILE_SHARD_2, SHARD_BYTES, 30 + i);
    }
}

static void test_notices_changes(void **state)
{
    struct stage *stage = *state;
    /* between two runs */
    model_host_set(&stage->host, (struct host_faults){.stall_bytes = 900000});
    pid_t process = start(stage, (const char *const[]){"org/model:Q2_K", NULL});
    wait_for_record(stage);
    kill(process, SIGKILL);
    wait_for(process);
    model_host_change(&stage->host, FILE_SHARD_1, SHARD_BYTES, 40);
    model_host_set(&stage->host, (struct host_faults){0});
    assert_int_equal(pull(stage, "org/model:Q2_K"), STATUS_DONE);
    expect_said(stage, SHARD_1 " changed on the host since it was begun");
    expect_model(stage);
}

/* What `fathom verify` tells people to do. */
static void test_replaces_what_was_removed(void **state)
{
    struct stage *stage = *state;
    assert_int_equal(pull(stage, "org/model:Q2_K"), STATUS_DONE);
    unlink(scratch_path(&stage->scratch, "fathom/models/org/model/" SHARD_2));
    model_host_set(&stage->host, (struct host_faults){0});
    assert_int_equal(pull(stage, "org/model:Q2_K", "--connections", "1"), STATUS_DONE);
    assert_int_equal(stage->host.n_answers, 3); /* its pieces alone */
    expect_model(stage);
}

static void test_throws_damage_away(void **state)
{
    struct stage *stage = *state;
    model_host_set(&stage->host, (struct host_faults){.flips = true});
    assert_int_equal(pull(stage, "org/model:UD-Q2_K"), STATUS_FAILED);
    expect_said(stage, "has SHA-256");
    expect_nothing(stage, stage->host.files[FILE_UD].path);
    model_host_set(&stage->host, (struct host_faults){0});
    assert_int_equal(pull(stage, "org/model:UD-Q2_K"), STATUS_DONE);
    expect_file(stage, FILE_UD);
}

static void test_says_what_is_wrong(void **state)
{
    struct stage *stage = *state;
    static const struct {
        struct host_faults faults;
        const char *name, *says;
    } cases[] = {
        {{.wants_token = true}, "org/model:UD-Q2_K", "wants a token (401): set HF_TOKEN"},
        {{.list_status = 403}, "org/model:UD-Q2_K", "refuses access (403)"},
        {{.list_status = 404}, "org/model:UD-Q2_K", "org/model: the host has no such thing (404)"},
        {{.list_status = 500}, "org/model:UD-Q2_K", "status 500"},
        {{.file_status = 403}, "org/model:UD-Q2_K", "M-UD-Q2_K.gguf: the host refuses access (403)"},
        {{.file_status = 404}, "org/model:UD-Q2_K", "no such thing (404)"},
        {{.file_status = 416}, "org/model:UD-Q2_K", "shorter on the host now (416)"},
        {{.file_status = 503}, "org/model:UD-Q2_K", "status 503"},
        {{0}, "org/other", "no such thing (404)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        model_host_set(&stage->host, cases[i].faults);
        assert_int_equal(pull(stage, cases[i].name, "--retries", "1"), STATUS_FAILED);
        expect_said(stage, cases[i].says);
        expect_nothing(stage, stage->host.files[FILE_UD].path);
    }
    model_host_set(&stage->host, (struct host_faults){0});
    assert_int_equal(pull(stage, "org/model", "--endpoint", "http://127.0.0.1:1"), STATUS_FAILED);
    expect_said(stage, "cannot reach 127.0.0.1: is there a network?");
    assert_int_equal(pull(stage, "org/model", "--endpoint", "file:///etc"), STATUS_FAILED);
    expect_said(stage, "must begin with https://");
    assert_int_equal(pull(stage, "model"), STATUS_USAGE);
    expect_said(stage, "expected ORG/NAME");
    assert_int_equal(pull(stage, "org/model", "-o", ""), STATUS_USAGE);
    expect_said(stage, "-o: no folder given");
}

static void test_looks_at_space_first(void **state)
{
    struct stage *stage = *state;
    stage->host.files[FILE_UD].listed_bytes = (uint64_t)1 << 43;
    assert_int_equal(pull(stage, "org/model:UD-Q2_K"), STATUS_FAILED);
    expect_said(stage, "8.0 TiB are to be fetched, and ");
    expect_nothing(stage, stage->host.files[FILE_UD].path);
    assert_int_equal(stage->host.n_answers, 0);
}

static void test_stays_in_its_folder(void **state)
{
    struct stage *stage = *state;
    model_host_add(&stage->host, "M-Q9/../../../evil.gguf", 100, 6, true);
    assert_int_equal(pull(stage, "org/model:Q9"), STATUS_FAILED);
    expect_said(stage, "leads out of its folder");
}

static void test_one_at_a_time(void **state)
{
    struct stage *stage = *state;
    model_host_set(&stage->host, (struct host_faults){.stall_bytes = 900000});
    pid_t first = start(stage, (const char *const[]){"org/model:Q2_K", NULL});
    wait_for_record(stage);
    assert_int_equal(pull(stage, "org/model:Q2_K"), STATUS_FAILED);
    expect_said(stage, "is being written by another process");
    model_host_set(&stage->host, (struct host_faults){0});
    assert_int_equal(wait_for(first), STATUS_DONE);
    expect_model(stage);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(fetches_shards_together),    TEST(chooses),
        TEST(survives_cuts_and_refusals), TEST(shares_one_connection),
        TEST(gives_up_what_never_ends),   TEST(takes_whole_files),
        TEST(asks_again_for_ranges),      TEST(keeps_what_is_listed_as_before),
        TEST(goes_on_after_a_kill),       TEST(notices_changes),
        TEST(replaces_what_was_removed),  TEST(throws_damage_away),
        TEST(says_what_is_wrong),         TEST(looks_at_space_first),
        TEST(stays_in_its_folder),        TEST(one_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
