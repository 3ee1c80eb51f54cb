/* SPDX-License-Identifier: MIT */
#include "control/check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "buildpacks/appjson.h"
#include "buildpacks/hint.h"
#include "control/answer.h"
#include "control/health.h"

#define LISTEN_TIMEOUT_S 60
#define LIVE_MS 1000
#define QUIET_MS 10000
#define ANSWER_MAX (1u << 20)
#define SAID_MAX 512 /* of curl about an answer */

static int crashed(struct context *c, const struct app *app, const struct process *p,
		   struct error *err)
{
	struct container_status now;
	if (process_status(c->inst, p->status.id, &now, err) < 0)
		return -1;
	if (now.state == CONTAINER_RUNNING && now.restarts == 0)
		return 0;
	if (now.state == CONTAINER_STARTING && now.restarts == 0)
		return 0;
	_cleanup_free_ char *name = xasprintf("%s.%u", p->type, p->n);
	_cleanup_strbuf_ struct strbuf log = STRBUF_INIT;
	process_say_log(c, app, name, p->status.started_us, &log);
	if (now.oom_killed)
		error_set(err, ERROR_FAILED, 0,
			  "%s used more than its %llu MB of memory and was killed", name,
			  (unsigned long long)(now.memory_limit >> 20));
	else
		error_set(err, ERROR_FAILED, 0,
			  "%s crashed right after its start (exit status %d): see 'logs %s'", name,
			  now.exit_code, app->name);
	return hint_add(HINT_START, log.data, err);
}

static bool accepts(const char *address, int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	if (inet_pton(AF_INET, address, &to.sin_addr) != 1)
		return false;
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return true;
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	int failure = 0;
	socklen_t len = sizeof(failure);
	return errno == EINPROGRESS && poll(&p, 1, 1000) == 1 &&
	       getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &len) == 0 && failure == 0;
}

/* Waits until PORT of P accepts; looks for a crash between tries. */
static int wait_listening(struct context *c, const struct app *app, const struct process *p,
			  int port, int timeout_s, struct error *err)
{
	_cleanup_free_ char *name = xasprintf("%s.%u", p->type, p->n);
	int64_t start = clock_ms(), next_word = start + QUIET_MS, next_look = 0, pause = 2;
	int64_t deadline = start + (int64_t)timeout_s * 1000;
	while (!accepts(p->status.address, port)) {
		int64_t now = clock_ms();
		if (now >= next_look) {
			if (crashed(c, app, p, err) < 0)
				return -1;
			next_look = now + 100;
		}
		if (now >= deadline) {
			_cleanup_strbuf_ struct strbuf log = STRBUF_INIT;
			process_say_log(c, app, name, p->status.started_us, &log);
			error_set(err, ERROR_TIMEOUT, 0,
				  "%s did not listen on port %d (the PORT it is given) "
				  "within %d s",
				  name, port, timeout_s);
			return hint_add(HINT_START, log.data, err);
		}
		if (now >= next_word) {
			answer_detail(c, "... still waiting for %s to listen on port %d (%lld s)",
				      name, port, (long long)(now - start) / 1000);
			next_word = now + QUIET_MS;
		}
		clock_sleep_ms(pause);
		pause = pause < 50 ? pause + 2 : 50;
	}
	return 0;
}

/* By the program and not its library, which brings twenty others: each of them would make every
 * command's fork slower, and few apps have such a check. */
static void fill_curl(struct child *curl, const struct appjson_check *check, const char *url)
{
	child_args(curl, "curl", "--disable", "--silent", "--globoff", "--insecure", "--noproxy",
		   "*", "--proto", "=http,https", "--write-out",
		   "%{stderr}%{http_code} %{errormsg}", NULL);
	strvec_push(&curl->argv, "--max-time");
	strvec_pushf(&curl->argv, "%d", check->timeout > 0 ? check->timeout : 5);
	/* a name has no '@' in front (buildpacks/appjson.c), which would mean a file */
	for (size_t i = 0; i < check->headers.n; i++)
		child_args(curl, "--header", check->headers.v[i], NULL);
	child_args(curl, "--url", url, NULL);
	curl->die_with_parent = true;
}

/* One HTTP request of a check: passes on 2xx and 3xx with the wanted content. */
static int request(const struct appjson_check *check, const struct process *p, struct error *err)
{
	_cleanup_free_ char *url = xasprintf(
		"%s://%s:%d%s", check->scheme ? check->scheme : "http", p->status.address,
		check->port > 0 ? check->port : (int)p->port, check->path ? check->path : "/");
	_cleanup_strbuf_ struct strbuf body = STRBUF_INIT, said = STRBUF_INIT;
	_cleanup_child_ struct child curl;
	struct error why = ERROR_INIT;
	strbuf_cap(&body, ANSWER_MAX);
	strbuf_cap(&said, SAID_MAX);
	child_init(&curl);
	fill_curl(&curl, check, url);
	curl.capture = &body;
	curl.capture_err = &said;
	int failed = child_run(&curl, &why);
	if (failed && said.len == 0)
		return error_set(err, ERROR_SYSTEM, 0, "GET %s: %s", url, why.message);
	/* "200 ", or "000 Connection refused" */
	char *reason = NULL;
	long status = strtol(said.data, &reason, 10);
	if (failed)
		return error_set(err, ERROR_FAILED, 0, "GET %s: %s", url,
				 reason + strspn(reason, " "));
	if (status < 200 || status > 399)
		return error_set(err, ERROR_FAILED, 0, "GET %s answered %ld", url, status);
	if (check->content && !memmem(body.data, body.len, check->content, strlen(check->content)))
		return error_set(err, ERROR_FAILED, 0, "GET %s: the answer lacks '%s'", url,
				 check->content);
	return 0;
}

/* A check's command inside the container: passes on exit status 0. */
static int run_command(struct context *c, const struct appjson_check *check,
		       const struct process *p, struct error *err)
{
	_cleanup_session_ struct runtime_session session = RUNTIME_SESSION_INIT;
	_cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct strvec env = STRVEC_INIT;
	struct runtime_result result;
	int stdio[3] = {null, null, null};
	if (runtime_exec(c->inst, p->status.id, &check->command, &env, NULL, stdio, &session, err) <
	    0)
		return -1;
	int seconds = check->timeout > 0 ? check->timeout : 5;
	_cleanup_free_ char *text = health_command_text(&check->command);
	struct pollfd end = {.fd = session.fd, .events = POLLIN};
	if (poll(&end, 1, seconds * 1000) == 0)
		return error_set(err, ERROR_TIMEOUT, 0, "'%s' took longer than %d s", text,
				 seconds);
	if (runtime_session_wait(&session, &result, err) < 0)
		return -1;
	if (result.exit_code != 0)
		return error_set(err, ERROR_FAILED, 0, "'%s' ended with status %d", text,
				 result.exit_code);
	return 0;
}

static bool is_listening(const struct appjson_check *check)
{
	return check->listening > 0 && !check->path && !check->command.n && check->uptime <= 0;
}

/* How long `web` may take to listen: a startup check of its own for that says it. */
static int listen_timeout(const struct appjson *aj, unsigned port)
{
	for (size_t i = 0; i < aj->n_checks; i++) {
		const struct appjson_check *check = &aj->checks[i];
		if (check->kind == APPJSON_STARTUP && strcmp(check->process, "web") == 0 &&
		    is_listening(check) && check->timeout > 0 &&
		    (check->port <= 0 || (unsigned)check->port == port))
			return check->timeout;
	}
	return LISTEN_TIMEOUT_S;
}

static int try_check(struct context *c, const struct app *app, const struct appjson_check *check,
		     const struct process *p, struct error *err)
{
	if (check->command.n)
		return run_command(c, check, p, err);
	if (check->uptime > 0) {
		for (int64_t end = clock_ms() + (int64_t)check->uptime * 1000; clock_ms() < end;) {
			if (crashed(c, app, p, err) < 0)
				return -1;
			clock_sleep_ms(200);
		}
		return 0;
	}
	if (is_listening(check))
		return wait_listening(c, app, p, check->port > 0 ? check->port : (int)p->port,
				      check->timeout > 0 ? check->timeout : LISTEN_TIMEOUT_S, err);
	return request(check, p, err);
}

static int run_check(struct context *c, const struct app *app, const struct appjson_check *check,
		     const struct process *p, struct error *err)
{
	int attempts = check->attempts > 0 ? check->attempts : 3;
	const char *name = check->name ? check->name : check->path ? check->path : "check";
	if (check->initial_delay > 0)
		clock_sleep_ms((int64_t)check->initial_delay * 1000);
	for (int i = 1;; i++) {
		struct error why = ERROR_INIT;
		if (try_check(c, app, check, p, &why) == 0)
			return 0;
		if (crashed(c, app, p, err) < 0)
			return -1;
		if (i < attempts) {
			answer_detail(c, "Attempt %d of %d of '%s' for %s.%u: %s", i, attempts,
				      name, p->type, p->n, why.message);
			clock_sleep_ms((int64_t)(check->wait >= 0 ? check->wait : 5) * 1000);
			continue;
		}
		_cleanup_free_ char *process = xasprintf("%s.%u", p->type, p->n);
		_cleanup_strbuf_ struct strbuf log = STRBUF_INIT;
		process_say_log(c, app, process, p->status.started_us, &log);
		*err = why;
		error_wrap(err, "health check '%s' of %s failed %d times", name, process, i);
		return hint_add(HINT_START, log.data, err);
	}
}

/* --- HEALTHCHECK of a container image --- */

#define HEALTH_LOOK_MS 100
#define HEALTH_WAIT_MS 5000 /* a failure counts no later than this after the one before */

/* Its shim checks it. As Docker does, failures in the start period count for nothing, and after it
 * so many in a row mean that the process is not well. */
static int wait_healthy(struct context *c, const struct app *app, const struct spec_health *h,
			const struct process *p, struct error *err)
{
	_cleanup_free_ char *name = xasprintf("%s.%u", p->type, p->n);
	int64_t wait = h->interval_ms < HEALTH_WAIT_MS ? h->interval_ms : HEALTH_WAIT_MS;
	int64_t end = clock_ms() + wait * (h->retries - 1);
	uint32_t said = 0, before = 0; /* those of the time in which it did not listen yet */
	for (bool first = true;; first = false, clock_sleep_ms(HEALTH_LOOK_MS)) {
		_cleanup_strbuf_ struct strbuf why = STRBUF_INIT, log = STRBUF_INIT;
		struct container_status now;
		if (process_status(c->inst, p->status.id, &now, err) < 0)
			return -1;
		if (now.health == HEALTH_HEALTHY)
			return 0;
		if (crashed(c, app, p, err) < 0)
			return -1;
		if (first)
			before = said = now.health_failures;
		if (now.health_failures == before)
			continue;
		health_explain(h, &now, &why);
		if (now.health == HEALTH_UNHEALTHY ||
		    (now.health_failures - before >= h->retries && clock_ms() >= end)) {
			process_say_log(c, app, name, p->status.started_us, &log);
			error_set(err, ERROR_FAILED, 0,
				  "the image's HEALTHCHECK of %s failed %u times: %s", name,
				  now.health_failures, why.data);
			return hint_add(HINT_START, log.data, err);
		}
		if (now.health_failures != said)
			answer_detail(c, "HEALTHCHECK of %s failed: %s", name, why.data);
		said = now.health_failures;
	}
}

/* --- all --- */

static int check_process(struct context *c, const struct app *app, const struct appjson *aj,
			 const struct spec_health *health, const struct process *p,
			 struct error *err)
{
	bool web = strcmp(p->type, "web") == 0, any = false;
	if (web && wait_listening(c, app, p, (int)p->port, listen_timeout(aj, p->port), err) < 0)
		return -1;
	for (size_t i = 0; i < aj->n_checks; i++) {
		const struct appjson_check *check = &aj->checks[i];
		if (check->kind != APPJSON_STARTUP || strcmp(check->process, p->type) != 0)
			continue;
		any = true;
		if (run_check(c, app, check, p, err) < 0)
			return -1;
	}
	if (web && health->test.n)
		return wait_healthy(c, app, health, p, err);
	if (web || any)
		return 0;
	/* what has no port must at least not crash at once */
	int64_t lived = (clock_unix_us() - p->status.started_us) / 1000;
	if (lived < LIVE_MS)
		clock_sleep_ms(LIVE_MS - lived);
	return crashed(c, app, p, err);
}

int check_started(struct context *c, const struct app *app, const struct release *r,
		  struct process *procs, size_t n, struct error *err)
{
	_cleanup_appjson_ struct appjson aj;
	_cleanup_image_ struct image im;
	struct spec_health health = {.test = STRVEC_INIT};
	struct error ignored = ERROR_INIT;
	int result = 0;
	appjson_init(&aj);
	image_init(&im);
	if (n > 0)
		health_read_appjson(c, r, &aj);
	if (n > 0 && r->image && image_load(c->inst, r->image, &im, &ignored) == 0)
		health_of(c, app, r, &im, "web", &health);
	for (size_t i = 0; result == 0 && i < n; i++)
		result = check_process(c, app, &aj, &health, &procs[i], err);
	strvec_release(&health.test);
	return result;
}
