/* SPDX-License-Identifier: MIT */
#include "control/service.h"

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
#include "base/sock.h"
#include "base/strbuf.h"
#include "control/sshd.h"
#include "router/router.h"

#define LISTEN_BACKLOG 511

enum service_user {
	USER_ROOT,
	USER_BERTH,
	USER_WEB,
	USER_PLUGIN,
};

static const struct {
	const char *name;
	const char *program; /* below prefix/bin; NULL: through service_exec */
	const char *socket;  /* below run; NULL: a TCP port */
	enum service_user user;
	int stop_signal;
	int stop_ms;
} table[SERVICE_COUNT] = {
	[SERVICE_RUNTIME] = {"berth-runtime", "berth-runtime", "runtime.sock", USER_ROOT, SIGTERM,
			     10000},
	[SERVICE_PLUGINS] = {"berth-plugins", "berth-plugins", "plugins.sock", USER_PLUGIN, SIGTERM,
			     5000},
	[SERVICE_BERTHD] = {"berthd", "berthd", "control.sock", USER_BERTH, SIGTERM, 15000},
	[SERVICE_WEB] = {"berth-web", "berth-web", "web.sock", USER_WEB, SIGTERM, 5000},
	/* SIGQUIT: nginx ends when the requests that it has are answered */
	[SERVICE_ROUTER] = {"berth-router", NULL, "router.sock", USER_BERTH, SIGQUIT, 5000},
	[SERVICE_SSHD] = {"berth-sshd", NULL, NULL, USER_BERTH, SIGTERM, 5000},
};

const char *service_name(enum service s)
{
	return table[s].name;
}

int service_stop_signal(enum service s)
{
	return table[s].stop_signal;
}

int service_stop_ms(enum service s)
{
	return table[s].stop_ms;
}

bool service_enabled(const struct instance *inst, enum service s)
{
	return s != SERVICE_SSHD || sshd_enabled(inst);
}

/* --- who it runs as --- */

/* For in_child: only system calls. */
struct identity {
	uid_t uid;
	gid_t gid;
	bool drop;
	int keep_fd; /* stays open across exec; -1: none */
	pid_t parent;
};

static void take_identity(void *data)
{
	const struct identity *id = data;
	if (id->drop && (setgroups(0, NULL) < 0 || setresgid(id->gid, id->gid, id->gid) < 0 ||
			 setresuid(id->uid, id->uid, id->uid) < 0))
		_exit(126);
	if (id->keep_fd >= 0 && fcntl(id->keep_fd, F_SETFD, 0) < 0)
		_exit(126);
	/* after the change of user, which clears it; a service must not be left without a keeper */
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != id->parent)
		_exit(126);
}

static void find_identity(const struct instance *inst, enum service s, struct identity *out)
{
	switch (table[s].user) {
	case USER_ROOT:
		*out = (struct identity){.drop = false};
		break;
	case USER_BERTH:
		*out = (struct identity){.uid = inst->uid, .gid = inst->gid};
		break;
	case USER_WEB:
		*out = (struct identity){.uid = inst->web_uid, .gid = inst->web_gid};
		break;
	case USER_PLUGIN:
		*out = (struct identity){.uid = inst->plugin_uid, .gid = inst->plugin_gid};
		break;
	}
	out->keep_fd = -1;
	out->parent = getpid();
	out->drop = table[s].user != USER_ROOT && geteuid() == 0;
}

/* --- where it answers --- */

static int tcp_place(const struct instance *inst, enum service s, struct sockaddr_storage *out,
		     socklen_t *out_len, struct error *err)
{
	const char *section = s == SERVICE_SSHD ? "ssh" : "http";
	const char *address = instance_setting(inst, section, "address", "0.0.0.0");
	unsigned long long port;
	if (instance_setting_u64(inst, section, "port", 1, 65535, s == SERVICE_SSHD ? 22 : 80,
				 &port, err) < 0)
		return -1;
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		*out_len = sizeof(*v4);
	} else if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		*out_len = sizeof(*v6);
	} else {
		return error_set(err, ERROR_INVALID, 0,
				 "setting [%s] address: '%s' is not an IP address", section,
				 address);
	}
	return 0;
}

static bool tcp_answers(const struct instance *inst, enum service s)
{
	struct sockaddr_storage place;
	socklen_t len;
	if (tcp_place(inst, s, &place, &len, NULL) < 0)
		return false;
	_cleanup_close_ int fd = socket(place.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* connecting to the any-address reaches this machine, and at once */
	return fd >= 0 && connect(fd, (struct sockaddr *)&place, len) == 0;
}

bool service_answers(const struct instance *inst, enum service s)
{
	if (!table[s].socket)
		return tcp_answers(inst, s);
	_cleanup_free_ char *path = instance_run(inst, "%s", table[s].socket);
	_cleanup_close_ int fd = -1;
	return sock_connect(path, SOCK_STREAM, &fd, NULL) == 0 ||
	       sock_connect(path, SOCK_SEQPACKET, &fd, NULL) == 0;
}

/* --- starting --- */

int service_listen(const struct instance *inst, enum service s, int *out_fd, struct error *err)
{
	struct sockaddr_storage place;
	socklen_t len;
	int one = 1;
	if (s != SERVICE_ROUTER) {
		*out_fd = -1;
		return 0;
	}
	if (tcp_place(inst, s, &place, &len, err) < 0)
		return -1;
	_cleanup_close_ int fd = socket(place.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "socket");
	if (bind(fd, (struct sockaddr *)&place, len) < 0 || listen(fd, LISTEN_BACKLOG) < 0)
		return error_set(err, ERROR_SYSTEM, errno,
				 "listen on %s port %s (settings [http] address and port)",
				 instance_setting(inst, "http", "address", "0.0.0.0"),
				 instance_setting(inst, "http", "port", "80"));
	*out_fd = TAKE_FD(fd);
	return 0;
}

int service_start(const struct instance *inst, enum service s, int log_fd, int listen_fd,
		  struct child *c, struct error *err)
{
	struct identity id;
	find_identity(inst, s, &id);
	id.keep_fd = listen_fd;
	/* how nginx takes over sockets that are open already (ngx_add_inherited_sockets) */
	if (listen_fd >= 0)
		strvec_pushf(&c->env, "NGINX=%d;", listen_fd);
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
	c->in_child_data = &id;
	return child_start(c, err);
}

int service_exec(const struct instance *inst, const char *name, struct error *err)
{
	_cleanup_strvec_ struct strvec argv = STRVEC_INIT;
	if (str_equal(name, table[SERVICE_ROUTER].name)) {
		if (router_configure(inst, err) < 0 || router_command(inst, &argv, err) < 0)
			return -1;
	} else if (str_equal(name, table[SERVICE_SSHD].name)) {
		if (sshd_configure(inst, err) < 0 || sshd_command(inst, &argv, err) < 0)
			return -1;
	} else {
		return error_set(err, ERROR_USAGE, 0, "no service '%s' to execute: %s or %s", name,
				 table[SERVICE_ROUTER].name, table[SERVICE_SSHD].name);
	}
	execvp(argv.v[0], argv.v);
	return error_set(err, ERROR_SYSTEM, errno, "execute '%s'", argv.v[0]);
}
