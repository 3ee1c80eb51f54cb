/* SPDX-License-Identifier: MIT */
#include "runtime/specwire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/cleanup.h"
#include "runtime/wire.h"

/* A spec with every field set. */
static void fill(struct container_spec *s)
{
	container_spec_init(s);
	s->id = xstrdup("hello.web.1");
	s->label = xstrdup("anything \n at all");
	s->profile = SPEC_IMAGE;
	s->range = 7;
	strvec_push(&s->layers, "layer/app-1");
	strvec_push(&s->layers, "source/0123abcd");
	s->upper = xstrdup("new-layer");
	strvec_push(&s->argv, "/bin/sh");
	strvec_push(&s->argv, "");
	strvec_push(&s->argv, "two\nlines");
	strvec_push(&s->env, "A=1");
	strvec_push(&s->env, "EMPTY=");
	s->cwd = xstrdup("/app/sub");
	s->hostname = xstrdup("host-1.example");
	s->network = SPEC_NET_EGRESS;
	s->limits = (struct spec_limits){.memory = 1 << 28,
					 .memory_swap = 1 << 29,
					 .memory_low = 1 << 27,
					 .cpu_weight = 50,
					 .cpu_millis = 1500,
					 .pids = 99,
					 .nofile = 1000,
					 .disk = 1 << 30,
					 .net_to = 1 << 20,
					 .net_from = 1ull << 33,
					 .time_ms = 60000};
	container_spec_add_mount(s, SPEC_MOUNT_CACHE, "cache-1", "/cache", false);
	s->mounts[0].owned = true;
	s->mounts[0].uid = 1000;
	s->mounts[0].gid = 65535;
	s->mounts[0].mode = 01777;
	container_spec_add_mount(s, SPEC_MOUNT_PACKS, "bundled", "/packs/a", true);
	container_spec_add_mount(s, SPEC_MOUNT_STAGE, "stage-1", "/root/.npmrc", true);
	s->mounts[2].file = xstrdup("7");
	s->tty = true;
	s->rows = 33;
	s->columns = 65535;
	s->log_app = xstrdup("hello");
	s->log_name = xstrdup("Web_x.1");
	s->log_max = 1 << 20;
	s->restart = SPEC_RESTART_ON_FAILURE;
	s->restart_max = 3;
	s->stop_ms = 1234;
	s->user = xstrdup("app:1000");
	s->stop_signal = 3;
	strvec_push(&s->folders, "/data");
	strvec_push(&s->folders, "/var/lib/store");
}

static void test_round_trip(void **state)
{
	struct container_spec a, b;
	_cleanup_strbuf_ struct strbuf one = STRBUF_INIT, two = STRBUF_INIT;
	struct error err = ERROR_INIT;

	(void)state;
	fill(&a);
	container_spec_init(&b);
	assert_int_equal(container_spec_encode(&a, &one, &err), 0);
	assert_int_equal(container_spec_decode(&b, one.data, one.len, &err), 0);
	assert_string_equal(b.id, a.id);
	assert_string_equal(b.label, a.label);
	assert_string_equal(b.argv.v[2], "two\nlines");
	assert_int_equal(b.n_mounts, 3);
	assert_true(b.mounts[0].owned);
	assert_int_equal(b.mounts[0].uid, 1000);
	assert_int_equal(b.mounts[0].gid, 65535);
	assert_int_equal(b.mounts[0].mode, 01777);
	assert_null(b.mounts[1].file);
	assert_string_equal(b.mounts[2].file, "7");
	assert_string_equal(b.user, "app:1000");
	assert_int_equal(b.stop_signal, 3);
	assert_int_equal(b.folders.n, 2);
	assert_string_equal(b.folders.v[1], "/var/lib/store");
	assert_int_equal(b.rows, 33);
	assert_int_equal(b.columns, 65535);
	assert_true(b.mounts[1].read_only);
	assert_memory_equal(&a.limits, &b.limits, sizeof(a.limits));
	assert_int_equal(container_spec_encode(&b, &two, &err), 0);
	assert_int_equal(one.len, two.len);
	assert_memory_equal(one.data, two.data, one.len);
	container_spec_release(&a);
	container_spec_release(&b);
}

static void test_step(void **state)
{
	struct container_spec a, b;
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	struct error err = ERROR_INIT;

	(void)state;
	fill(&a);
	container_spec_init(&b);
	strvec_release(&a.folders);
	a.profile = SPEC_STEP;
	a.range = 0;
	a.plain_etc = true;
	assert_int_equal(container_spec_encode(&a, &sb, &err), 0);
	assert_int_equal(container_spec_decode(&b, sb.data, sb.len, &err), 0);
	assert_true(b.plain_etc);
	container_spec_release(&a);
	container_spec_release(&b);
}

static void set(char **field, const char *value)
{
	free(*field);
	*field = value ? xstrdup(value) : NULL;
}

static void set_first(struct strvec *v, const char *value)
{
	set(&v->v[0], value);
}

/* Each case spoils one field; the message must name what is wrong. */
static void spoil(struct container_spec *s, int what)
{
	static char many[600];

	memset(many, 'x', sizeof(many) - 1);
	switch (what) {
	case 0:
		set(&s->id, "../etc");
		break;
	case 1:
		set(&s->id, "");
		break;
	case 2:
		set(&s->id, NULL);
		break;
	case 3:
		set(&s->label, many);
		break;
	case 4:
		s->profile = (enum spec_profile)9;
		break;
	case 5:
		s->range = 4096;
		break;
	case 6:
		s->range = 0;
		break;
	case 7:
		set_first(&s->layers, "layer/../x");
		break;
	case 8:
		set_first(&s->layers, "/etc");
		break;
	case 9:
		set_first(&s->layers, "layer/");
		break;
	case 10:
		set(&s->upper, "a/b");
		break;
	case 11:
		set_first(&s->argv, "");
		break;
	case 12:
		set_first(&s->env, "NOVALUE");
		break;
	case 13:
		set_first(&s->env, "=x");
		break;
	case 14:
		set(&s->cwd, "relative");
		break;
	case 15:
		set(&s->cwd, "/app/../../etc");
		break;
	case 16:
		set(&s->hostname, "a b");
		break;
	case 17:
		s->network = (enum spec_network)0;
		break;
	case 18:
		s->limits.memory = 1;
		break;
	case 19:
		s->limits.memory_swap = 1;
		break;
	case 20:
		s->limits.cpu_weight = 10001;
		break;
	case 21:
		s->limits.cpu_millis = 1;
		break;
	case 22:
		s->limits.pids = 1u << 30;
		break;
	case 23:
		s->limits.disk = 1;
		break;
	case 24:
		s->mounts[0].kind = (enum spec_mount_kind)9;
		break;
	case 25:
		set(&s->mounts[0].id, "../x");
		break;
	case 26:
		set(&s->mounts[0].dest, "/a/../b");
		break;
	case 27:
		set(&s->mounts[0].dest, "/");
		break;
	case 28:
		set(&s->mounts[0].dest, "/a//b");
		break;
	case 29:
		set(&s->log_app, "../logs");
		break;
	case 30:
		set(&s->log_name, "a/b");
		break;
	case 31:
		set(&s->log_name, NULL);
		break;
	case 32:
		set(&s->log_name, ".hidden");
		break;
	case 33:
		s->log_max = 1;
		break;
	case 34:
		s->restart = (enum spec_restart)0;
		break;
	case 35:
		strvec_release(&s->layers);
		break;
	case 36:
		strvec_release(&s->argv);
		break;
	case 37:
		s->profile = SPEC_LAYER;
		break;
	case 38:
		set(&s->user, "a b");
		break;
	case 39:
		strvec_release(&s->folders);
		s->profile = SPEC_APP; /* whose user is not the image's to say */
		break;
	case 40:
		s->stop_signal = 65;
		break;
	case 41:
		s->profile = SPEC_STEP; /* its layers are range 0's */
		break;
	case 42:
		set_first(&s->folders, "/a/../b");
		break;
	case 43:
		set_first(&s->folders, "/");
		break;
	case 44:
		set(&s->user, NULL);
		s->profile = SPEC_APP; /* whose folders are its layers' */
		break;
	case 45:
		s->plain_etc = true; /* an image's program finds its own hosts */
		break;
	default:
		fail();
	}
}

static void test_refusals(void **state)
{
	(void)state;
	for (int i = 0; i <= 45; i++) {
		struct container_spec s;
		_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
		struct error err = ERROR_INIT;

		fill(&s);
		spoil(&s, i);
		if (container_spec_encode(&s, &sb, &err) != -1 || err.code != ERROR_INVALID ||
		    sb.len)
			fail_msg("case %d was taken", i);
		container_spec_release(&s);
	}
}

static void test_cut_and_changed(void **state)
{
	struct container_spec a;
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	struct error err = ERROR_INIT;
	unsigned taken = 0;

	(void)state;
	fill(&a);
	assert_int_equal(container_spec_encode(&a, &sb, &err), 0);
	container_spec_release(&a);
	for (size_t n = 0; n < sb.len; n++) {
		struct container_spec b;

		container_spec_init(&b);
		/* cut between two fields it may be a smaller, valid spec; never a crash */
		if (container_spec_decode(&b, sb.data, n, &err) == 0)
			taken++;
		container_spec_release(&b);
	}
	assert_true(taken < 20);
	for (size_t n = 0; n < sb.len; n++) {
		struct container_spec b;
		char old = sb.data[n];

		container_spec_init(&b);
		sb.data[n] = (char)(old ^ 0x80);
		if (container_spec_decode(&b, sb.data, sb.len, &err) == 0)
			assert_int_equal(container_spec_check(&b, &err), 0);
		sb.data[n] = old;
		container_spec_release(&b);
	}
}

static void refuse(const struct strbuf *sb)
{
	struct container_spec s;
	struct error err = ERROR_INIT;

	container_spec_init(&s);
	assert_int_equal(container_spec_decode(&s, sb->data, sb->len, &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	container_spec_release(&s);
}

static void test_framing(void **state)
{
	struct container_spec a;
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT, value = STRBUF_INIT;
	struct error err = ERROR_INIT;
	size_t good;

	(void)state;
	fill(&a);
	assert_int_equal(container_spec_encode(&a, &sb, &err), 0);
	container_spec_release(&a);
	good = sb.len;
	strbuf_addch(&sb, 'x');
	refuse(&sb); /* trailing byte */
	strbuf_truncate(&sb, good);
	wire_put_str(&value, "again");
	wire_put_u32(&sb, 1);
	wire_put_bytes(&sb, value.data, value.len);
	refuse(&sb); /* a field twice */
	strbuf_truncate(&sb, good);
	wire_put_u32(&sb, 99);
	wire_put_bytes(&sb, "", 0);
	refuse(&sb); /* an unknown field */
	strbuf_truncate(&sb, good);
	sb.data[0] ^= 1;
	refuse(&sb); /* another version */
}

static void test_wire(void **state)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	_cleanup_strvec_ struct strvec list = STRVEC_INIT;
	struct wire_reader r;

	(void)state;
	wire_put_u32(&sb, 5);
	wire_put_u64(&sb, 1ull << 40);
	wire_put_bytes(&sb, "a\0b", 3);
	wire_reader_init(&r, sb.data, sb.len);
	assert_int_equal(wire_get_u32(&r), 5);
	assert_true(wire_get_u64(&r) == 1ull << 40);
	assert_null(wire_get_str(&r, 100)); /* a NUL inside */
	assert_true(r.bad);
	assert_false(wire_reader_done(&r));
	strbuf_reset(&sb);
	wire_put_u32(&sb, 0xffffffff);
	wire_reader_init(&r, sb.data, sb.len);
	assert_null(wire_get_str(&r, SIZE_MAX)); /* a length past the end */
	wire_reader_init(&r, sb.data, sb.len);
	wire_get_list(&r, &list, 10, 10); /* too many */
	assert_true(r.bad);
	assert_int_equal(list.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_step),
		cmocka_unit_test(test_refusals),   cmocka_unit_test(test_cut_and_changed),
		cmocka_unit_test(test_framing),    cmocka_unit_test(test_wire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
