/* SPDX-License-Identifier: MIT */
#include "runtime/owner.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/cleanup.h"

#define BATCH_BYTES 512
#define SEQ_BEGIN 1
#define SEQ_ELEMENT 2
#define SEQ_END 3

static struct nlmsghdr *put_header(char *at, uint16_t type, uint16_t flags, uint8_t family,
				   uint16_t res_id, uint32_t seq)
{
	struct nlmsghdr *m = mnl_nlmsg_put_header(at);
	m->nlmsg_type = type;
	m->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	m->nlmsg_seq = seq;
	struct nfgenmsg *nfg = mnl_nlmsg_put_extra_header(m, sizeof(*nfg));
	nfg->nfgen_family = family;
	nfg->version = NFNETLINK_V0;
	nfg->res_id = htons(res_id);
	return m;
}

static void put_value(struct nlmsghdr *m, uint16_t attr, uint32_t value)
{
	struct nlattr *nest = mnl_attr_nest_start(m, attr);
	mnl_attr_put_u32(m, NFTA_DATA_VALUE, value);
	mnl_attr_nest_end(m, nest);
}

/* Names the table that a message is about. */
static void put_table(struct nlmsghdr *m, uint16_t attr, const struct instance *inst)
{
	char table[24];
	snprintf(table, sizeof(table), "berth-%u", inst->number);
	mnl_attr_put_strz(m, attr, table);
}

/* Gives the socket on which the kernel answers, or a negative errno. */
static int ask(const void *message, size_t len)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	ssize_t sent;
	if (fd < 0)
		return -errno;
	do {
		sent = sendto(fd, message, len, 0, (struct sockaddr *)&kernel, sizeof(kernel));
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : TAKE_FD(fd);
}

/* What the kernel says of the element: the first error of the batch. */
static int read_answer(int fd)
{
	_Alignas(8) char answer[4096];
	for (;;) {
		ssize_t n = recv(fd, answer, sizeof(answer), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		int left = (int)n;
		for (struct nlmsghdr *m = (struct nlmsghdr *)answer; mnl_nlmsg_ok(m, left);
		     m = mnl_nlmsg_next(m, &left)) {
			const struct nlmsgerr *e = mnl_nlmsg_get_payload(m);
			if (m->nlmsg_type == NLMSG_ERROR)
				return e->error;
		}
	}
}

/* Closing a socket waits until the kernel has freed all that was removed (nft_rcv_nl_event in
 * nf_tables_api.c), 14 ms and more. Who removes an element ends soon, so the socket stays until
 * then or until the next removal. */
static void close_later(int *fd)
{
	static int kept = -1;
	close_fd(kept);
	kept = TAKE_FD(*fd);
}

/* One transaction with one element; RANGE 0 removes it. */
static int change(const struct instance *inst, uint32_t addr, unsigned range)
{
	_Alignas(8) char batch[BATCH_BYTES];
	size_t used = 0;
	struct nlmsghdr *m = put_header(batch, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC,
					NFNL_SUBSYS_NFTABLES, SEQ_BEGIN);
	used += MNL_ALIGN(m->nlmsg_len);
	m = put_header(
		batch + used,
		(NFNL_SUBSYS_NFTABLES << 8) | (range ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM),
		(uint16_t)(NLM_F_ACK | (range ? NLM_F_CREATE : 0)), NFPROTO_INET, 0, SEQ_ELEMENT);
	put_table(m, NFTA_SET_ELEM_LIST_TABLE, inst);
	mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_SET, "owners");
	struct nlattr *elements = mnl_attr_nest_start(m, NFTA_SET_ELEM_LIST_ELEMENTS);
	struct nlattr *element = mnl_attr_nest_start(m, NFTA_LIST_ELEM);
	put_value(m, NFTA_SET_ELEM_KEY, htonl(addr));
	if (range)
		put_value(m, NFTA_SET_ELEM_DATA, range); /* a mark: in the host's order */
	mnl_attr_nest_end(m, element);
	mnl_attr_nest_end(m, elements);
	used += MNL_ALIGN(m->nlmsg_len);
	m = put_header(batch + used, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES,
		       SEQ_END);
	used += MNL_ALIGN(m->nlmsg_len);
	_cleanup_close_ int fd = ask(batch, used);
	int result = fd < 0 ? fd : read_answer(fd);
	if (range == 0 && result == 0)
		close_later(&fd);
	return result;
}

int owner_set(const struct instance *inst, uint32_t addr, unsigned range)
{
	int result = change(inst, addr, range);
	if (result != -EEXIST && result != -EBUSY)
		return result;
	result = change(inst, addr, 0);
	return result < 0 && result != -ENOENT ? result : change(inst, addr, range);
}

int owner_remove(const struct instance *inst, uint32_t addr)
{
	int result = change(inst, addr, 0);
	return result == -ENOENT ? 0 : result;
}

int owner_check(const struct instance *inst)
{
	_Alignas(8) char buf[BATCH_BYTES];
	struct nlmsghdr *m = put_header(buf, (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETTABLE,
					NLM_F_ACK, NFPROTO_INET, 0, SEQ_ELEMENT);
	put_table(m, NFTA_TABLE_NAME, inst);
	_cleanup_close_ int fd = ask(buf, m->nlmsg_len);
	return fd < 0 ? fd : read_answer(fd);
}

struct walk {
	void (*each)(void *data, uint32_t addr);
	void *data;
};

/* Each of these is called for the attributes inside of what the next one found. */
static int walk_value(const struct nlattr *value, void *data)
{
	const struct walk *w = data;
	if (mnl_attr_get_type(value) == NFTA_DATA_VALUE &&
	    mnl_attr_get_payload_len(value) == sizeof(uint32_t))
		w->each(w->data, ntohl(mnl_attr_get_u32(value)));
	return MNL_CB_OK;
}

static int walk_key(const struct nlattr *key, void *data)
{
	return mnl_attr_get_type(key) == NFTA_SET_ELEM_KEY
		       ? mnl_attr_parse_nested(key, walk_value, data)
		       : MNL_CB_OK;
}

static int walk_element(const struct nlattr *element, void *data)
{
	return mnl_attr_parse_nested(element, walk_key, data);
}

static int walk_list(const struct nlattr *list, void *data)
{
	return mnl_attr_get_type(list) == NFTA_SET_ELEM_LIST_ELEMENTS
		       ? mnl_attr_parse_nested(list, walk_element, data)
		       : MNL_CB_OK;
}

static int walk_message(const struct nlmsghdr *m, void *data)
{
	return mnl_attr_parse(m, sizeof(struct nfgenmsg), walk_list, data);
}

int owner_each(const struct instance *inst, void (*each)(void *data, uint32_t addr), void *data)
{
	_Alignas(8) char buf[BATCH_BYTES], answer[32768];
	struct walk w = {each, data};
	struct nlmsghdr *m = put_header(buf, (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETSETELEM,
					NLM_F_DUMP, NFPROTO_INET, 0, SEQ_ELEMENT);
	put_table(m, NFTA_SET_ELEM_LIST_TABLE, inst);
	mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_SET, "owners");
	_cleanup_close_ int fd = ask(buf, m->nlmsg_len);
	if (fd < 0)
		return fd;
	for (;;) {
		ssize_t n = recv(fd, answer, sizeof(answer), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		int more = mnl_cb_run(answer, (size_t)n, SEQ_ELEMENT, 0, walk_message, &w);
		if (more < 0)
			return -errno;
		if (more == MNL_CB_STOP)
			return 0;
	}
}
