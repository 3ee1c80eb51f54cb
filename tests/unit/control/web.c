/* SPDX-License-Identifier: MIT */
/*
 * berth-web's server with curl in front and, behind it, a process that speaks berthd's side of
 * instance/call.h and answers a few commands. Needs root for the instance's users.
 */
#include "control/web/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
/* after the three that it needs */
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/sock.h"
#include "control/token.h"
#include "control/web/metrics.h"
#include "control/web/reply.h"
#include "control/web/route.h"
#include "instance/call.h"

struct world {
	struct instance inst;
	char root[64], sock[96];
	char token[TOKEN_TEXT_SIZE];
	pid_t web, daemon;
};

/* ---- the other side: what berthd would answer ---- */

static int answer_deploy(const struct strvec *argv, const int fds[3])
{
	char data[65536];
	uint64_t total = 0;
	ssize_t n;

	if (str_equal(argv->v[1], "missing")) {
		dprintf(fds[2], " !     App 'missing' does not exist\n");
		return 20;
	}
	if (str_equal(argv->v[1], "slow"))
		for (int i = 0; i < 2000; i++) {
			dprintf(fds[1], "-----> step %d\n", i);
			clock_sleep_ms(30);
		}
	while ((n = read(fds[0], data, sizeof(data))) > 0)
		total += (uint64_t)n;
	dprintf(fds[1], "-----> took %llu bytes\n", (unsigned long long)total);
	dprintf(fds[2], " !     a warning\n");
	return str_equal(argv->v[1], "bad") ? 1 : 0;
}

static int answer_command(const struct world *w, const char *identity, const struct strvec *argv,
			  const int fds[3])
{
	const char *word = argv->n ? argv->v[0] : "";

	if (str_equal(word, "tokens:check")) {
		_cleanup_strbuf_ struct strbuf token = STRBUF_INIT;

		strbuf_read_fd(&token, fds[0], NULL);
		if (!str_equal(token.data, w->token))
			return 1;
		dprintf(fds[1], "ci\n");
		return 0;
	}
	if (!str_equal(identity, "ci"))
		return 1;
	if (str_equal(word, "apps:list"))
		dprintf(fds[1], "[\"hello\"]\n");
	else if (str_equal(word, "apps:info") && str_equal(argv->v[1], "slow"))
		clock_sleep_ms(60000);
	else if (str_equal(word, "apps:info") && !str_equal(argv->v[1], "hello")) {
		dprintf(fds[2], " !     App '%s' does not exist\n", argv->v[1]);
		return 20;
	} else if (str_equal(word, "apps:info"))
		dprintf(fds[1], "{\"app\": \"hello\"}\n");
	else if (str_equal(word, "metrics"))
		dprintf(fds[1], "{\"version\": \"1\", \"apps\": [{\"name\": \"hello\"}]}");
	else if (str_equal(word, "git:from-archive"))
		return answer_deploy(argv, fds);
	else
		return 2;
	return 0;
}

__attribute__((noreturn)) static void be_berthd(const struct world *w, int listen_fd)
{
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_DFL);
	for (;;) {
		int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC), fds[3];
		_cleanup_strvec_ struct strvec argv = STRVEC_INIT;
		char *identity = NULL;
		struct error err = ERROR_INIT;

		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (call_receive(fd, &identity, &argv, fds, &err) == 0) {
				int status = answer_command(w, identity, &argv, fds);

				for (int i = 0; i < 3; i++)
					close(fds[i]);
				call_answer(fd, status, &err);
			}
			_exit(0);
		}
		close(fd);
	}
}

/* ---- set-up ---- */

static int set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));
	const char *const folders[] = {"etc", "lib", "run"};
	_cleanup_free_ char *conf = NULL, *control = NULL;
	struct error err = ERROR_INIT;
	int fd;

	memcpy(w->root, "/var/tmp/berth-unit-XXXXXX", sizeof("/var/tmp/berth-unit-XXXXXX"));
	if (!mkdtemp(w->root) || sodium_init() < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		_cleanup_free_ char *path = xasprintf("%s/%s", w->root, folders[i]);

		if (file_make_dirs(path, 0755, &err) < 0)
			return -1;
	}
	conf = xasprintf("%s/etc/berth.conf", w->root);
	if (file_replace(AT_FDCWD, conf, "[http]\nmax-upload = 3000000\n", 28, 0644, &err) < 0 ||
	    instance_open(&w->inst, w->root, &err) < 0)
		return -1;
	token_make(w->token);
	control = instance_run(&w->inst, "control.sock");
	snprintf(w->sock, sizeof(w->sock), "%s/web.sock", w->inst.run);
	if (sock_listen(control, SOCK_STREAM, 0600, (uid_t)-1, (gid_t)-1, &fd, &err) < 0)
		return -1;
	w->daemon = fork();
	if (w->daemon == 0)
		be_berthd(w, fd);
	close(fd);
	if (sock_listen(w->sock, SOCK_STREAM, 0600, (uid_t)-1, (gid_t)-1, &fd, &err) < 0)
		return -1;
	w->web = fork();
	if (w->web == 0)
		_exit(server_run(&w->inst, fd, &err) < 0);
	close(fd);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	int status = -1;

	kill(w->web, SIGTERM);
	waitpid(w->web, &status, 0);
	kill(w->daemon, SIGKILL);
	waitpid(w->daemon, NULL, 0);
	file_remove_tree(AT_FDCWD, w->root, NULL);
	instance_release(&w->inst);
	free(w);
	return status;
}

/* curl with ARGS; OUT gets head and body. Without TOKEN none is sent. */
static void curl_args(struct world *w, struct child *c, const char *token, const char *path)
{
	child_args(c, "curl", "-sS", "-i", "--max-time", "60", "--path-as-is", "--unix-socket",
		   w->sock, NULL);
	if (token)
		strvec_pushf(&c->argv, "-HAuthorization: Bearer %s", token);
	strvec_pushf(&c->argv, "http://berth.localhost%s", path);
	c->timeout_ms = 70000;
}

#define ask(w, out, token, path, ...)                                                              \
	do {                                                                                       \
		_cleanup_child_ struct child c_;                                                   \
		struct error e_ = ERROR_INIT;                                                      \
		child_init(&c_);                                                                   \
		strbuf_reset(out);                                                                 \
		curl_args(w, &c_, token, path);                                                    \
		child_args(&c_, ##__VA_ARGS__, NULL);                                              \
		c_.capture = (out);                                                                \
		if (child_run(&c_, &e_) < 0)                                                       \
			fail_msg("%s: %s", path, e_.message);                                      \
	} while (0)

static void expect(const struct strbuf *out, const char *text)
{
	if (!strstr(out->data, text))
		fail_msg("no '%s' in:\n%s", text, out->data);
}

static void test_questions(void **state)
{
	struct world *w = *state;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	ask(w, &out, NULL, "/healthz");
	expect(&out, "HTTP/1.1 200");
	expect(&out, "ok\n");
	ask(w, &out, NULL, "/v1/apps");
	expect(&out, "HTTP/1.1 401");
	expect(&out, "WWW-Authenticate: Bearer");
	ask(w, &out, "brt_0000000000000000000000000000000000000000", "/v1/apps");
	expect(&out, "HTTP/1.1 401");
	ask(w, &out, w->token, "/v1/apps");
	expect(&out, "HTTP/1.1 200");
	expect(&out, "[\"hello\"]");
	ask(w, &out, w->token, "/v1/apps/h%65llo");
	expect(&out, "{\"app\": \"hello\"}");
	ask(w, &out, w->token, "/v1/apps/other");
	expect(&out, "HTTP/1.1 404");
	expect(&out,
	       "{\"error\":{\"code\":\"no_such_app\",\"message\":\"App 'other' does not exist\"}}");
	ask(w, &out, w->token, "/v1/apps", "-I");
	expect(&out, "HTTP/1.1 200");
	assert_null(strstr(out.data, "hello"));
	ask(w, &out, w->token, "/metrics");
	expect(&out, "berth_apps 1\n");
}

static void test_refusals(void **state)
{
	static const char *const bad[] = {
		"/v1/apps/..", "/v1/apps/%2e%2e", "/v1/apps/a%2fb",      "/v1/apps/a%00b",
		"/v1/apps/A",  "/v1/apps/%",      "/v1/apps/a%0d%0aX:y", "/v1/apps/-x"};
	struct world *w = *state;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	_cleanup_free_ char *long_header = xmalloc(60000);

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ask(w, &out, w->token, bad[i]);
		expect(&out, "HTTP/1.1 400");
	}
	ask(w, &out, w->token, "/v1/apps/../../etc/passwd");
	expect(&out, "HTTP/1.1 404");
	ask(w, &out, w->token, "//v1/apps");
	expect(&out, "HTTP/1.1 404");
	ask(w, &out, w->token, "/v1/apps", "-XDELETE");
	expect(&out, "HTTP/1.1 405");
	expect(&out, "Allow: GET, HEAD");
	ask(w, &out, w->token, "/v1/apps/hello/deploy");
	expect(&out, "HTTP/1.1 405");
	expect(&out, "Allow: POST");
	memset(long_header, 'x', 59999);
	long_header[59999] = '\0';
	memcpy(long_header, "X-Long: ", 8);
	ask(w, &out, w->token, "/v1/apps", "-H", long_header);
	expect(&out, "HTTP/1.1 431");
}

static char *make_body(struct world *w, size_t size)
{
	char *path = xasprintf("%s/body", w->root);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return path;
}

static void test_deploy(void **state)
{
	struct world *w = *state;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	_cleanup_free_ char *body = make_body(w, 2500000), *at = xasprintf("@%s", body);

	ask(w, &out, w->token, "/v1/apps/hello/deploy", "--data-binary", at);
	expect(&out, "HTTP/1.1 200");
	expect(&out, "-----> took 2500000 bytes\n");
	expect(&out, " !     a warning\n");
	expect(&out, "exit: 0\n");
	ask(w, &out, w->token, "/v1/apps/bad/deploy", "--data-binary", at, "-H",
	    "Transfer-Encoding: chunked");
	expect(&out, "exit: 1\n");
	expect(&out, "Berth-Exit-Status: 1");
	ask(w, &out, w->token, "/v1/apps/bad/deploy?wait", "--data-binary", at);
	expect(&out, "HTTP/1.1 422");
	expect(&out, "\"message\":\"-----> took 2500000 bytes\\na warning\"");
	ask(w, &out, w->token, "/v1/apps/hello/deploy?wait", "--data-binary", at);
	expect(&out, "HTTP/1.1 200");
	expect(&out, "-----> took 2500000 bytes\n");
	ask(w, &out, w->token, "/v1/apps/missing/deploy", "--data-binary", at);
	expect(&out, "HTTP/1.1 404");
	expect(&out, "App 'missing' does not exist");
	ask(w, &out, NULL, "/v1/apps/hello/deploy", "--data-binary", at);
	expect(&out, "HTTP/1.1 401");
	free(TAKE_PTR(body));
	body = make_body(w, 4000000);
	ask(w, &out, w->token, "/v1/apps/hello/deploy", "--data-binary", at);
	expect(&out, "HTTP/1.1 413");
	ask(w, &out, w->token, "/v1/apps/hello/deploy", "--data-binary", at, "-H",
	    "Transfer-Encoding: chunked");
	expect(&out, "HTTP/1.1 413");
}

/* Descriptors of berth-web: those of a request that was given up must go. */
static size_t count_fds(const struct world *w)
{
	_cleanup_free_ char *path = xasprintf("/proc/%d/fd", w->web);
	DIR *dir = opendir(path);
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* Waits until the server has from LOW to HIGH descriptors. */
static void wait_fds(const struct world *w, size_t low, size_t high)
{
	size_t n = count_fds(w);

	for (int i = 0; i < 1500 && (n < low || n > high); i++) {
		clock_sleep_ms(20);
		n = count_fds(w);
	}
	if (n < low || n > high)
		fail_msg("the server has %zu descriptors, not %zu to %zu", n, low, high);
}

/* What it has between two requests: the last one's may still be on their way out. */
static size_t idle_fds(const struct world *w)
{
	size_t last, n = count_fds(w);

	do {
		last = n;
		clock_sleep_ms(200);
		n = count_fds(w);
	} while (n != last);
	return n;
}

/* A slow command holds up nobody, and ends when its client goes away. */
static void test_slow(void **state)
{
	struct world *w = *state;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	_cleanup_free_ char *body = make_body(w, 2500000), *at = xasprintf("@%s", body);
	_cleanup_child_ struct child slow, deploy;
	struct error err = ERROR_INIT;
	size_t idle;

	child_init(&slow);
	child_init(&deploy);
	ask(w, &out, w->token, "/v1/apps/hello");
	idle = idle_fds(w);
	curl_args(w, &slow, w->token, "/v1/apps/slow");
	assert_int_equal(child_start(&slow, &err), 0);
	curl_args(w, &deploy, w->token, "/v1/apps/slow/deploy");
	child_args(&deploy, "--data-binary", at, NULL);
	assert_int_equal(child_start(&deploy, &err), 0);
	wait_fds(w, idle + 8, SIZE_MAX);
	for (int i = 0; i < 5; i++)
		ask(w, &out, w->token, "/v1/apps/hello");
	expect(&out, "HTTP/1.1 200");
	/* both are still waiting */
	assert_true(count_fds(w) >= idle + 8);
	child_kill(&deploy, SIGKILL);
	child_kill(&slow, SIGKILL);
	wait_fds(w, 0, idle);
	ask(w, &out, w->token, "/v1/apps/hello");
	expect(&out, "HTTP/1.1 200");
}

static void test_route(void **state)
{
	const char *allow = "";
	struct error err = ERROR_INIT;
	struct route r;
	_cleanup_free_ char *token = NULL, *basic = NULL;

	(void)state;
	assert_int_equal(route_find("GET", "/v1/apps/a/releases", &r, &allow, &err), 0);
	assert_int_equal(r.kind, ROUTE_RELEASES);
	assert_string_equal(r.app, "a");
	assert_int_equal(route_find("GET", "/v1/apps/a/builds/12/output", &r, &allow, &err), 0);
	assert_int_equal(r.kind, ROUTE_BUILD_OUTPUT);
	assert_string_equal(r.build, "12");
	assert_int_equal(route_find("GET", "/v1/apps/a/builds/current", &r, &allow, &err), 0);
	assert_int_equal(r.kind, ROUTE_BUILD);
	assert_int_equal(route_find("GET", "/v1/apps/a/builds/--help", &r, &allow, &err), 400);
	assert_int_equal(route_find("GET", "/v1/apps/a/builds/", &r, &allow, &err), 400);
	assert_int_equal(route_find("GET", "/v1/apps/", &r, &allow, &err), 400);
	assert_int_equal(route_find("GET", "", &r, &allow, &err), 400);
	assert_int_equal(route_find("GET", "*", &r, &allow, &err), 400);
	assert_int_equal(route_find("GET", "/", &r, &allow, &err), 404);
	assert_int_equal(route_find("PUT", "/metrics", &r, &allow, &err), 405);
	assert_null(route_token(NULL));
	assert_null(route_token("Bearer nonsense"));
	assert_null(route_token("Basic !!"));
	token = route_token("bearer  brt_aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd");
	assert_string_equal(token, "brt_aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd");
	basic = route_token(
		"Basic eDpicnRfYWFhYWFhYWFhYWJiYmJiYmJiYmJjY2NjY2NjY2NjZGRkZGRkZGRkZA==");
	assert_string_equal(basic, token);
}

static void test_metrics(void **state)
{
	static const char json[] =
		"{\"version\": \"0.1\", \"uptime\": 2.5, \"control\": [{\"name\": \"berthd\", "
		"\"memory\": 5}], \"apps\": [{\"name\": \"a\\\"b\", \"release\": 3, \"processes\": "
		"[{\"type\": \"web\", \"n\": 1, \"state\": \"running\", \"restarts\": 2, "
		"\"memory\": 1048576, \"cpu_us\": 1500000}], \"router\": {\"status\": {\"2xx\": "
		"7}, \"latency\": {\"le\": [0.1, 1], \"count\": [1, 2, 3], \"sum\": 4.5}, "
		"\"in_flight\": 1}}]}";
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(metrics_render(json, sizeof(json) - 1, &out, &err), 0);
	expect(&out,
	       "berth_process_restarts_total{app=\"a\\\"b\",process=\"web\",number=\"1\"} 2\n");
	expect(&out, "berth_process_cpu_seconds_total{app=\"a\\\"b\",process=\"web\",number=\"1\"} "
		     "1.5\n");
	expect(&out, "berth_requests_total{app=\"a\\\"b\",status=\"2xx\"} 7\n");
	expect(&out, "berth_request_seconds_bucket{app=\"a\\\"b\",le=\"1\"} 3\n");
	expect(&out, "berth_request_seconds_bucket{app=\"a\\\"b\",le=\"+Inf\"} 6\n");
	expect(&out, "berth_control_memory_bytes{process=\"berthd\"} 5\n");
	assert_int_equal(metrics_render("nonsense", 8, &out, &err), -1);
}

static void test_token(void **state)
{
	char a[TOKEN_TEXT_SIZE], b[TOKEN_TEXT_SIZE];
	unsigned char ha[TOKEN_HASH_SIZE], hb[TOKEN_HASH_SIZE];
	_cleanup_free_ char *message = reply_message(" !     one\n !     two\n");

	(void)state;
	token_make(a);
	token_make(b);
	assert_int_equal(strlen(a), 44);
	assert_true(token_is_wellformed(a));
	assert_false(token_is_wellformed("brt_short"));
	assert_string_not_equal(a, b);
	token_hash(a, ha);
	token_hash(b, hb);
	assert_false(token_hash_equal(ha, hb));
	token_hash(a, hb);
	assert_true(token_hash_equal(ha, hb));
	assert_string_equal(message, "one\ntwo");
}

int main(void)
{
	const struct CMUnitTest pure[] = {
		cmocka_unit_test(test_route),
		cmocka_unit_test(test_metrics),
		cmocka_unit_test(test_token),
	};
	const struct CMUnitTest served[] = {
		cmocka_unit_test_setup_teardown(test_questions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_deploy, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_slow, set_up, tear_down),
	};
	int failed;

	if (sodium_init() < 0)
		return 1;
	failed = cmocka_run_group_tests_name("web, pure", pure, NULL, NULL);
	if (geteuid() != 0) {
		print_message("SKIP: the rest needs root\n");
		return failed;
	}
	return failed + cmocka_run_group_tests_name("web", served, NULL, NULL);
}
