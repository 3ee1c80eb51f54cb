/* SPDX-License-Identifier: MIT */
#include "instance/number.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/ini.h"
#include "base/strbuf.h"
#include "base/strvec.h"

#define FOLDER "/run/berth-instances"
/* how the default instance, whose root is "", is written down */
#define DEFAULT_ROOT "/"

static const char *root_text(const char *root)
{
	return *root ? root : DEFAULT_ROOT;
}

static char *claim_path(unsigned number)
{
	return xasprintf(FOLDER "/%u", number);
}

/* The root that noted NUMBER, or NULL. */
static char *noted_root(unsigned number)
{
	_cleanup_free_ char *path = claim_path(number);
	struct strbuf text = STRBUF_INIT;
	if (file_read(AT_FDCWD, path, 4096, &text, NULL) < 0) {
		strbuf_release(&text);
		return NULL;
	}
	strbuf_trim(&text);
	return strbuf_detach(&text);
}

static bool is_held(unsigned number)
{
	_cleanup_free_ char *path = claim_path(number);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

/* ROOT still says in its berth.conf that it has NUMBER. */
static bool is_claim_alive(const char *root, unsigned number)
{
	_cleanup_ini_ struct ini ini = INI_INIT;
	_cleanup_free_ char *conf = strcmp(root, DEFAULT_ROOT) == 0
					    ? xstrdup("/etc/berth/berth.conf")
					    : xasprintf("%s/etc/berth.conf", root);
	if (ini_read(&ini, conf, NULL) < 0)
		return false;
	const char *text = ini_get(&ini, "instance", "number");
	unsigned long long value;
	return str_to_u64(text ? text : "0", 0, INSTANCE_NUMBERS - 1, &value) == 0 &&
	       value == number;
}

static bool has_interface(unsigned number)
{
	_cleanup_free_ char *prefix = xasprintf("b%u-", number);
	struct if_nameindex *all = if_nameindex();
	bool found = false;
	for (struct if_nameindex *i = all; i && i->if_name; i++)
		found = found || str_starts(i->if_name, prefix);
	if (all)
		if_freenameindex(all);
	return found;
}

/* Adds the table names in one datagram of NFT_MSG_NEWTABLE; false at the dump's end. */
static bool read_tables(const char *data, size_t len, struct strvec *out)
{
	size_t at = 0;
	while (at + sizeof(struct nlmsghdr) <= len) {
		struct nlmsghdr h;
		memcpy(&h, data + at, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > len - at ||
		    h.nlmsg_type == NLMSG_DONE || h.nlmsg_type == NLMSG_ERROR)
			return false;
		size_t attr = at + NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct nfgenmsg));
		while (attr + sizeof(struct nlattr) <= at + h.nlmsg_len) {
			struct nlattr a;
			memcpy(&a, data + attr, sizeof(a));
			if (a.nla_len < sizeof(a) || a.nla_len > at + h.nlmsg_len - attr)
				break;
			if ((a.nla_type & NLA_TYPE_MASK) == NFTA_TABLE_NAME)
				strvec_push_take(out, xstrndup(data + attr + NLA_HDRLEN,
							       a.nla_len - NLA_HDRLEN));
			attr += NLA_ALIGN(a.nla_len);
		}
		at += NLMSG_ALIGN(h.nlmsg_len);
	}
	return true;
}

/* The names of all nftables tables (nfnetlink, NFT_MSG_GETTABLE). A kernel without nftables has
 * none. */
void number_tables(struct strvec *out)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	struct {
		struct nlmsghdr h;
		struct nfgenmsg g;
	} ask = {
		.h = {.nlmsg_len = sizeof(ask),
		      .nlmsg_type = (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETTABLE,
		      .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.g = {.nfgen_family = AF_UNSPEC},
	};
	struct timeval limit = {.tv_sec = 2};
	char data[32768];
	ssize_t n;
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
	    send(fd, &ask, sizeof(ask), 0) < 0)
		return;
	do {
		n = recv(fd, data, sizeof(data), 0);
	} while (n > 0 && read_tables(data, (size_t)n, out));
}

static int note(unsigned number, const char *root, struct error *err)
{
	_cleanup_free_ char *path = claim_path(number);
	_cleanup_free_ char *text = xasprintf("%s\n", root_text(root));
	/* written in place: a lock stays with the file that is there */
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open '%s'", path);
	return file_write_all(fd, text, strlen(text), err);
}

int number_lock(int *out_fd, struct error *err)
{
	if (file_make_dirs(FOLDER, 0755, err) < 0)
		return -1;
	return file_lock(FOLDER "/lock", true, out_fd, err);
}

static bool is_taken(unsigned number, const char *root)
{
	_cleanup_free_ char *holder = noted_root(number);
	if (holder && strcmp(holder, root_text(root)) == 0)
		return false;
	return holder && (is_held(number) || is_claim_alive(holder, number));
}

bool number_is_gone(unsigned number)
{
	_cleanup_free_ char *holder = noted_root(number);
	/* under systemd nobody holds the default instance's, nor notes it after a boot */
	return holder && !is_held(number) && !is_claim_alive(holder, number) &&
	       !is_claim_alive(DEFAULT_ROOT, number);
}

int number_choose(const char *root, unsigned *out, struct error *err)
{
	_cleanup_strvec_ struct strvec tables = STRVEC_INIT;
	number_tables(&tables);
	for (unsigned n = 0; n < INSTANCE_NUMBERS; n++) {
		_cleanup_free_ char *name = xasprintf("berth-%u", n);
		if (is_taken(n, root) || has_interface(n) || strvec_has(&tables, name))
			continue;
		if (note(n, root, err) < 0)
			return -1;
		*out = n;
		return 0;
	}
	return error_set(err, ERROR_BUSY, 0,
			 "all %d instance numbers are taken: see the files in '%s'",
			 INSTANCE_NUMBERS, FOLDER);
}

int number_note(const char *root, unsigned number, struct error *err)
{
	if (is_taken(number, root)) {
		_cleanup_free_ char *holder = noted_root(number);
		return error_set(err, ERROR_BUSY, 0,
				 "instance number %u belongs to the instance at '%s'", number,
				 holder ? holder : "?");
	}
	return note(number, root, err);
}

int number_hold(const struct instance *inst, int *out_fd, struct error *err)
{
	/* to its end: who looks whether a number is held locks it for a moment */
	_cleanup_close_ int lock = -1;
	if (number_lock(&lock, err) < 0 || number_note(inst->root, inst->number, err) < 0)
		return -1;
	_cleanup_free_ char *path = claim_path(inst->number);
	return file_lock(path, false, out_fd, err);
}
