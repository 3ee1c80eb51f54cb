/* SPDX-License-Identifier: MIT */
#include "control/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/sock.h"
#include "base/strbuf.h"
#include "control/sshd.h"
#include "resolver/socket.h"
#include "router/router.h"

#define LISTEN_BACKLOG 4096
#define FIRST_PASSED_FD 3 /* SD_LISTEN_FDS_START */

/* Who it is when it starts; the small daemons start as root, open their socket and change user
 * themselves (base/service.h). */
enum unit_user {
	USER_ROOT,
	USER_BERTH,
};

static const struct {
	const char *name;
	const char *program; /* below prefix/bin; NULL: through unit_exec */
	const char *socket;  /* below run; NULL: a TCP port */
	enum unit_user user;
	int stop_signal;
	int stop_ms;
} table[UNIT_COUNT] = {
	[UNIT_RUNTIME] = {"berth-runtime", "berth-runtime", "runtime.sock", USER_ROOT, SIGTERM,
			  10000},
	[UNIT_RESOLVER] = {"berth-resolver", "berth-resolver", "resolver.sock", USER_BERTH, SIGTERM,
			   2000},
	[UNIT_PLUGINS] = {"berth-plugins", "berth-plugins", "plugins.sock", USER_ROOT, SIGTERM,
			  5000},
	[UNIT_BERTHD] = {"berthd", "berthd", "control.sock", USER_BERTH, SIGTERM, 15000},
	[UNIT_WEB] = {"berth-web", "berth-web", "web.sock", USER_ROOT, SIGTERM, 5000},
	/* SIGQUIT: nginx ends when the requests that it has are answered */
	[UNIT_ROUTER] = {"berth-router", NULL, "router/control.sock", USER_BERTH, SIGQUIT, 5000},
	[UNIT_SSHD] = {"berth-sshd", NULL, NULL, USER_BERTH, SIGTERM, 5000},
};

const char *unit_name(enum unit s)
{
	return table[s].name;
}

int unit_stop_signal(enum unit s)
{
	return table[s].stop_signal;
}

int unit_stop_ms(enum unit s)
{
	return table[s].stop_ms;
}

bool unit_enabled(const struct instance *inst, enum unit s)
{
	return s != UNIT_SSHD || sshd_enabled(inst);
}

/* --- who it runs as --- */

/* For in_child: only system calls. */
struct identity {
	uid_t uid;
	gid_t gid;
	bool drop;
	gid_t terminals;                    /* a further group, for sshd's; -1: none */
	const struct unit_sockets *sockets; /* stay open across exec; may be NULL */
	pid_t parent;
};

static void take_identity(void *data)
{
	const struct identity *id = data;
	size_t n = id->terminals != (gid_t)-1;
	if (id->drop &&
	    (setgroups(n, &id->terminals) < 0 || setresgid(id->gid, id->gid, id->gid) < 0 ||
	     setresuid(id->uid, id->uid, id->uid) < 0))
		_exit(126);
	for (size_t i = 0; id->sockets && i < id->sockets->n; i++)
		if (fcntl(id->sockets->fds[i], F_SETFD, 0) < 0)
			_exit(126);
	/* after the change of user, which clears it; a service must not be left without a keeper */
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != id->parent)
		_exit(126);
}

/* --- where it answers --- */

struct place {
	struct sockaddr_storage address;
	socklen_t len;
};

/* TEXT is one address, an IPv6 one with or without brackets. */
static int make_place(const char *text, uint16_t port, struct place *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&out->address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out->address;
	_cleanup_free_ char *bare =
		*text == '[' ? xstrndup(text + 1, strcspn(text + 1, "]")) : xstrdup(text);
	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, bare, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		out->len = sizeof(*v4);
	} else if (inet_pton(AF_INET6, bare, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		out->len = sizeof(*v6);
	} else {
		return -1;
	}
	return 0;
}

/* The addresses of [http] or [ssh] with its port: the same words as in nginx.conf, which the router
 * writes. Gives their number. */
static int find_places(const struct instance *inst, enum unit s, struct place *out, size_t max,
		       size_t *out_n, struct error *err)
{
	const char *section = s == UNIT_SSHD ? "ssh" : "http";
	const char *text = instance_setting(inst, section, "address", NULL);
	unsigned long long port;
	size_t n = 0;
	if (instance_setting_u64(inst, section, "port", 1, 65535, s == UNIT_SSHD ? 22 : 80, &port,
				 err) < 0)
		return -1;
	if (!text)
		text = file_exists(AT_FDCWD, "/proc/net/if_inet6") ? "0.0.0.0 [::]" : "0.0.0.0";
	while (*(text += strspn(text, " \t,"))) {
		_cleanup_free_ char *word = xstrndup(text, strcspn(text, " \t,"));
		if (n == max || make_place(word, (uint16_t)port, &out[n]) < 0)
			return error_set(err, ERROR_INVALID, 0,
					 "setting [%s] address: '%s' is not an IP address, or one "
					 "too many",
					 section, word);
		n++;
		text += strlen(word);
	}
	*out_n = n;
	return 0;
}

static bool tcp_answers(const struct instance *inst, enum unit s)
{
	struct place places[UNIT_MAX_SOCKETS];
	size_t n = 0;
	if (find_places(inst, s, places, UNIT_MAX_SOCKETS, &n, NULL) < 0 || n == 0)
		return false;
	_cleanup_close_ int fd = socket(places[0].address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* connecting to the any-address reaches this machine, and at once */
	return fd >= 0 && connect(fd, (struct sockaddr *)&places[0].address, places[0].len) == 0;
}

bool unit_answers(const struct instance *inst, enum unit s)
{
	if (!table[s].socket)
		return tcp_answers(inst, s);
	_cleanup_free_ char *path = instance_run(inst, "%s", table[s].socket);
	_cleanup_close_ int fd = -1;
	return sock_connect(path, SOCK_STREAM, &fd, NULL) == 0 ||
	       sock_connect(path, SOCK_SEQPACKET, &fd, NULL) == 0;
}

static bool is_bound_to(int fd, const struct place *at)
{
	struct sockaddr_storage is;
	socklen_t len = sizeof(is);
	memset(&is, 0, sizeof(is));
	/* the fields past the address (flow, scope) are 0 in both */
	return getsockname(fd, (struct sockaddr *)&is, &len) == 0 && len == at->len &&
	       memcmp(&is, &at->address, len) == 0;
}

/* --- starting --- */

static int listen_at(const struct place *at, int *out_fd)
{
	int one = 1;
	/* nginx takes it as it is: a blocking one would let the worker that comes second to a
	 * connection wait in accept(2) for ever, with all its other connections */
	_cleanup_close_ int fd =
		socket(at->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
		return -1;
	if (at->address.ss_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0)
		return -1;
	if (bind(fd, (const struct sockaddr *)&at->address, at->len) < 0 ||
	    listen(fd, LISTEN_BACKLOG) < 0)
		return -1;
	*out_fd = TAKE_FD(fd);
	return 0;
}

int unit_listen(const struct instance *inst, enum unit s, struct unit_sockets *out,
		struct error *err)
{
	struct place places[UNIT_MAX_SOCKETS];
	size_t n = 0;
	if (s == UNIT_RESOLVER) {
		if (socket_open(inst, out->fds, err) < 0)
			return -1;
		out->n = SOCKET_COUNT;
	}
	if (s != UNIT_ROUTER)
		return 0;
	if (find_places(inst, s, places, UNIT_MAX_SOCKETS, &n, err) < 0)
		return -1;
	for (out->n = 0; out->n < n; out->n++)
		if (listen_at(&places[out->n], &out->fds[out->n]) < 0)
			return error_set(err, ERROR_SYSTEM, errno,
					 "listen on port %s (settings [http] address and port)",
					 instance_setting(inst, "http", "port", "80"));
	return 0;
}

int unit_start(const struct instance *inst, enum unit s, int log_fd,
	       const struct unit_sockets *sockets, struct child *c, struct error *err)
{
	struct identity id = {
		.uid = inst->uid,
		.gid = inst->gid,
		.drop = table[s].user == USER_BERTH && geteuid() == 0,
		.terminals = s == UNIT_SSHD ? sshd_terminal_group() : (gid_t)-1,
		.sockets = sockets,
		.parent = getpid(),
	};
	if (sockets && sockets->n) {
		/* how nginx takes over sockets that are open already (ngx_add_inherited_sockets),
		 * and the resolver too */
		_cleanup_strbuf_ struct strbuf list = STRBUF_INIT;
		for (size_t i = 0; i < sockets->n; i++)
			strbuf_addf(&list, "%d;", sockets->fds[i]);
		strvec_setenv(&c->env, s == UNIT_RESOLVER ? SOCKET_ENV : "NGINX", list.data);
	}
	strvec_pushf(&c->argv, "%s/bin/%s", inst->prefix,
		     table[s].program ? table[s].program : "berth");
	if (*inst->root) {
		child_args(c, "--root", inst->root, NULL);
		strvec_pushf(&c->env, "BERTH_ROOT=%s", inst->root);
	}
	if (!table[s].program)
		child_args(c, "server", "exec", table[s].name, NULL);
	c->cwd = "/";
	c->out = log_fd;
	c->err = log_fd;
	c->new_session = true;
	c->in_child = take_identity;
	/* cppcheck-suppress autoVariables */
	c->in_child_data = &id;
	int failed = child_start(c, err);
	c->in_child_data = NULL;
	return failed;
}

/* nginx removes its unix sockets when it ends, but does not replace those of one that was killed.
 */
static void remove_stale_sockets(const struct instance *inst)
{
	static const char *const names[] = {"control.sock", "hold.sock"};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *path = instance_run(inst, "router/%s", names[i]);
		unlink(path);
	}
}

/* Tells nginx of the sockets that systemd has passed (sd_listen_fds(3)), as unit_start does of the
 * supervisor's. One that the settings do not name would be closed, and the port that they do name
 * is not nginx's to open: then the socket unit says something else than berth.conf. */
static int adopt_sockets(const struct instance *inst, struct error *err)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	_cleanup_strbuf_ struct strbuf list = STRBUF_INIT;
	struct place places[UNIT_MAX_SOCKETS];
	unsigned long long passed, whose;
	size_t n = 0, met = 0;
	if (!pid || !fds || str_to_u64(pid, 1, 1ull << 31, &whose) < 0 ||
	    whose != (unsigned long long)getpid())
		return 0;
	if (str_to_u64(fds, 1, UNIT_MAX_SOCKETS, &passed) < 0)
		return error_set(err, ERROR_INVALID, 0, "%s sockets from systemd are too many",
				 fds);
	if (find_places(inst, UNIT_ROUTER, places, UNIT_MAX_SOCKETS, &n, err) < 0)
		return -1;
	for (int fd = FIRST_PASSED_FD; fd < FIRST_PASSED_FD + (int)passed; fd++) {
		strbuf_addf(&list, "%d;", fd);
		/* systemd clears it on what it passes; see listen_at */
		if (fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
			return error_set(err, ERROR_SYSTEM, errno, "socket %d from systemd", fd);
		for (size_t i = 0; i < n; i++)
			met += is_bound_to(fd, &places[i]);
	}
	if (met != n || met != passed)
		return error_set(err, ERROR_INVALID, 0,
				 "[http] address and port in berth.conf are not those of "
				 "berth-router.socket: say the same in both ('systemctl edit "
				 "berth-router.socket', see berthd(8))");
	setenv("NGINX", list.data, 1);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return 0;
}

int unit_exec(const struct instance *inst, const char *name, struct error *err)
{
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT;
	if (str_equal(name, table[UNIT_ROUTER].name)) {
		/* glibc's default, but fixed (mallopt(3)): a moving one leaves megabytes that nginx
		 * needed only to read its configuration in the middle of its heap */
		setenv("MALLOC_MMAP_THRESHOLD_", "131072", 0);
		remove_stale_sockets(inst);
		if (adopt_sockets(inst, err) < 0 || router_configure(inst, err) < 0 ||
		    router_command(inst, &argv, err) < 0)
			return -1;
	} else if (str_equal(name, table[UNIT_SSHD].name)) {
		if (sshd_configure(inst, err) < 0 || sshd_command(inst, &argv, err) < 0)
			return -1;
	} else {
		return error_set(err, ERROR_USAGE, 0, "no service '%s' to execute: %s or %s", name,
				 table[UNIT_ROUTER].name, table[UNIT_SSHD].name);
	}
	execvp(argv.v[0], argv.v);
	return error_set(err, ERROR_SYSTEM, errno, "execute '%s'", argv.v[0]);
}
