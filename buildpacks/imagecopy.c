/* SPDX-License-Identifier: MIT */
#include "buildpacks/imagecopy.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/printable.h"
#include "base/random.h"
#include "buildpacks/buildstep.h"
#include "buildpacks/copywire.h"
#include "buildpacks/environment.h"
#include "buildpacks/say.h"
#include "runtime/client.h"

#define PROGRAM IMAGECOPY_TOOLS "/driver/copy"
#define DOCS "/dev/shm/.docs"
#define SAID_MAX 4096
#define DIGEST_CPU_S 600
#define DIGEST_MEMORY (512ul << 20)

void imagecopy_spec(const struct build *b, const struct strvec *layers, const char *upper,
		    struct container_spec *spec)
{
	char random[17];

	container_spec_init(spec);
	random_hex(random, 16);
	spec->id = xasprintf("build-%s", random);
	spec->label = xasprintf("build %.200s", b->app);
	spec->profile = SPEC_STEP;
	strvec_push_all(&spec->layers, layers->v);
	spec->upper = upper ? xstrdup(upper) : NULL;
	spec->hostname = xstrdup("build");
	spec->network = SPEC_NET_NONE;
	spec->restart = SPEC_RESTART_NO;
	spec->limits = buildstep_limits(b);
	container_spec_add_mount(spec, SPEC_MOUNT_PACKS, "bundled", IMAGECOPY_TOOLS, true);
	environment_step(b->inst, &spec->env);
}

/* What the sending program is told, which sees the files at ROOT, and the heredocs at DOCS. */
static void fill_arguments(const struct imagecopy *copy, bool digest, const char *root,
			   const char *docs, struct strvec *argv)
{
	strvec_push(argv, "send");
	strvec_pushf(argv, "--root=%s", root);
	if (digest)
		strvec_push(argv, "--digest");
	if (copy->keep_owner)
		strvec_push(argv, "--keep-owner");
	if (copy->add)
		strvec_push(argv, "--add");
	if (copy->parents)
		strvec_push(argv, "--parents");
	if (copy->keep_git)
		strvec_push(argv, "--keep-git");
	if (copy->docs)
		strvec_pushf(argv, "--docs=%s", docs);
	if (copy->ignore)
		strvec_pushf(argv, "--ignore=%s", copy->ignore);
	if (copy->unpack)
		strvec_pushf(argv, "--unpack=%s", copy->unpack);
	if (copy->checksum)
		strvec_pushf(argv, "--checksum=%s", copy->checksum);
	for (size_t i = 0; i < copy->exclude.n; i++)
		strvec_pushf(argv, "--exclude=%s", copy->exclude.v[i]);
	strvec_push(argv, "--");
	strvec_push_all(argv, copy->sources.v);
}

static void fill_sender(const struct build *b, const struct imagecopy *copy, bool digest,
			struct container_spec *spec)
{
	imagecopy_spec(b, &copy->from, NULL, spec);
	if (copy->docs)
		container_spec_add_mount(spec, SPEC_MOUNT_STAGE, copy->docs, DOCS, true);
	/* what fetches needs the container's own resolv.conf, what copies the image's */
	if (copy->add)
		spec->network = SPEC_NET_EGRESS;
	spec->plain_etc = !copy->add;
	strvec_push(&spec->argv, PROGRAM);
	fill_arguments(copy, digest, copy->root, DOCS, &spec->argv);
}

static void fill_receiver(const struct build *b, const struct imagecopy *copy, const char *upper,
			  struct container_spec *spec)
{
	imagecopy_spec(b, &copy->onto, upper, spec);
	spec->plain_etc = true;
	strvec_push(&spec->argv, PROGRAM);
	strvec_push(&spec->argv, "receive");
	strvec_pushf(&spec->argv, "--to=%s", copy->to);
	if (copy->into)
		strvec_push(&spec->argv, "--into");
	if (copy->chown)
		strvec_pushf(&spec->argv, "--chown=%s", copy->chown);
	if (copy->chmod)
		strvec_pushf(&spec->argv, "--chmod=%s", copy->chmod);
}

/* A container that runs, and what it says on its errors. */
struct end {
	struct runtime_session session;
	struct strbuf said;
	int errors;
	bool ended;
};

#define END_INIT                                                                                   \
	{                                                                                          \
		RUNTIME_SESSION_INIT, STRBUF_INIT, -1, false                                       \
	}

static void end_release(struct end *e)
{
	runtime_session_close(&e->session);
	strbuf_release(&e->said);
	e->errors = close_fd(e->errors);
}

/* Takes IN and OUT over: the container alone has them from then on. */
static int start(const struct build *b, const struct container_spec *spec, int in, int out,
		 struct end *e, struct error *err)
{
	_cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	_cleanup_close_ int mine = in, its = out, there = -1;
	int ends[2];

	if (null < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make a pipe");
	e->errors = ends[0];
	there = ends[1];
	strbuf_cap(&e->said, SAID_MAX);
	return runtime_attach(b->inst, spec,
			      (int[3]){mine >= 0 ? mine : null, its >= 0 ? its : null, there},
			      &e->session, err);
}

static void hear(struct end *e)
{
	char buf[1024];
	ssize_t n = read(e->errors, buf, sizeof(buf));

	if (n > 0)
		strbuf_add(&e->said, buf, (size_t)n);
	else
		e->errors = close_fd(e->errors);
}

/* Until all N have ended; what comes on DATA (or -1) goes into H. */
static int wait_all(const struct build *b, struct end *e, size_t n, int data, struct hash *h,
		    struct error *err)
{
	static char buf[1 << 16];
	bool more = data >= 0, over = false;

	while (!over || more) {
		struct pollfd set[6];
		for (size_t i = 0; i < n; i++) {
			set[i] = (struct pollfd){e[i].ended ? -1 : e[i].session.fd, POLLIN, 0};
			set[n + i] = (struct pollfd){e[i].errors, POLLIN, 0};
		}
		set[2 * n] = (struct pollfd){more ? data : -1, POLLIN, 0};
		set[2 * n + 1] = (struct pollfd){b->cancel_fd, POLLIN, 0};
		if (poll(set, 2 * n + 2, -1) < 0 && errno != EINTR)
			return error_set(err, ERROR_SYSTEM, errno, "poll");
		if (set[2 * n + 1].revents)
			return error_set(err, ERROR_CANCELLED, 0, "cancelled");
		over = true;
		for (size_t i = 0; i < n; i++) {
			if (set[n + i].revents)
				hear(&e[i]);
			e[i].ended |= set[i].fd >= 0 && set[i].revents;
			over &= e[i].ended && e[i].errors < 0;
		}
		if (!set[2 * n].revents)
			continue;
		ssize_t got = read(data, buf, sizeof(buf));
		more = got > 0;
		if (got > 0)
			crypto_generichash_update(&h->state, (unsigned char *)buf,
						  (unsigned long long)got);
	}
	return 0;
}

static int check(const struct build *b, struct end *e, struct error *err)
{
	struct runtime_result result;

	if (runtime_session_wait(&e->session, &result, err) < 0)
		return -1;
	if (buildstep_went_well(&result))
		return 0;
	_cleanup_free_ char *limit = buildstep_limit_hit(b, &result);
	strbuf_trim(&e->said);
	if (limit)
		return error_set(err, ERROR_FAILED, 0, "Build %s", limit);
	if (e->said.len > 0)
		return error_set(err, ERROR_FAILED, 0, "%s", e->said.data);
	return error_set(err, ERROR_FAILED, 0, "copying ended with status %d", result.exit_code);
}

/* In the child: a source is large at most, and what reads it knows no hurry. */
static void limit_process(void *data)
{
	struct rlimit cpu = {DIGEST_CPU_S, DIGEST_CPU_S}, memory = {DIGEST_MEMORY, DIGEST_MEMORY};

	(void)data;
	setrlimit(RLIMIT_CPU, &cpu);
	setrlimit(RLIMIT_AS, &memory);
}

/* Reads what the child prints until it ends: its output into H, its errors into SAID. */
static int read_child(const struct build *b, int data, int errors, struct hash *h,
		      struct strbuf *said, struct error *err)
{
	char buf[1 << 16];
	struct pollfd set[3] = {{data, POLLIN, 0}, {errors, POLLIN, 0}, {b->cancel_fd, POLLIN, 0}};

	while (set[0].fd >= 0 || set[1].fd >= 0) {
		if (poll(set, 3, -1) < 0 && errno != EINTR)
			return error_set(err, ERROR_SYSTEM, errno, "poll");
		if (set[2].revents)
			return error_set(err, ERROR_CANCELLED, 0, "cancelled");
		for (int i = 0; i < 2; i++) {
			if (set[i].fd < 0 || !set[i].revents)
				continue;
			ssize_t n = read(set[i].fd, buf, sizeof(buf));
			if (n <= 0)
				set[i].fd = -1;
			else if (i == 0)
				crypto_generichash_update(&h->state, (unsigned char *)buf,
							  (unsigned long long)n);
			else
				strbuf_add(said, buf, (size_t)n);
		}
	}
	return 0;
}

/* The digest of files of the source, by a process without a container. */
static int digest_here(const struct build *b, const struct imagecopy *copy, char out[HASH_TEXT],
		       struct error *err)
{
	_cleanup_child_ struct child child;
	_cleanup_strbuf_ struct strbuf said = STRBUF_INIT;
	_cleanup_close_ int data = -1, errors = -1, its_data = -1, its_errors = -1;
	_cleanup_free_ char *root = instance_lib(b->inst, "sources/%s/app", copy->tree);
	_cleanup_free_ char *docs =
		copy->docs ? instance_lib(b->inst, "stage/%s", copy->docs) : NULL;
	struct hash h;
	int ends[2];

	child_init(&child);
	strbuf_cap(&said, SAID_MAX);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make a pipe");
	data = ends[0];
	its_data = ends[1];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make a pipe");
	errors = ends[0];
	its_errors = ends[1];
	strvec_pushf(&child.argv, "%s/buildpacks/driver/copy", b->inst->share);
	fill_arguments(copy, true, root, docs, &child.argv);
	child.out = its_data;
	child.err = its_errors;
	child.die_with_parent = true;
	child.in_child = limit_process;
	hash_init(&h, "copy");
	if (child_start(&child, err) < 0)
		return -1;
	its_data = close_fd(its_data);
	its_errors = close_fd(its_errors);
	if (read_child(b, data, errors, &h, &said, err) < 0 || child_wait(&child, err) < 0)
		return -1;
	int code = child_exit_code(child.status);
	strbuf_trim(&said);
	if (code != 0)
		return error_set(err, ERROR_FAILED, 0, "%s",
				 said.len ? said.data : "reading what is copied took too long");
	hash_text(&h, out);
	return 0;
}

int imagecopy_digest(const struct build *b, const struct imagecopy *copy, char out[HASH_TEXT],
		     struct error *err)
{
	_cleanup_(end_release) struct end e = END_INIT;
	_cleanup_spec_ struct container_spec spec;
	_cleanup_close_ int data = -1;
	struct hash h;
	int ends[2];

	if (copy->tree && !copy->add)
		return digest_here(b, copy, out, err);
	fill_sender(b, copy, true, &spec);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make a pipe");
	data = ends[0];
	hash_init(&h, "copy");
	if (start(b, &spec, -1, ends[1], &e, err) < 0 || wait_all(b, &e, 1, data, &h, err) < 0 ||
	    check(b, &e, err) < 0)
		return -1;
	hash_text(&h, out);
	return 0;
}

/* What an end that did its work has to tell the user all the same; names in it are a tenant's. */
static void tell(const struct build *b, const struct end *e)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	printable_add(&text, e->said.data);
	say_lines(b->out, text.data);
}

int imagecopy_run(const struct build *b, const struct imagecopy *copy, const char *upper,
		  struct error *err)
{
	struct end e[2] = {END_INIT, END_INIT};
	_cleanup_spec_ struct container_spec sender, receiver;
	struct error why = ERROR_INIT;
	int ends[2], result;

	fill_sender(b, copy, false, &sender);
	fill_receiver(b, copy, upper, &receiver);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make a pipe");
	result = start(b, &receiver, ends[0], -1, &e[1], err);
	if (result < 0)
		close(ends[1]);
	else
		result = start(b, &sender, -1, ends[1], &e[0], err);
	if (result == 0)
		result = wait_all(b, e, 2, -1, NULL, err);
	/* a receiver that failed breaks the sender's pipe: its reason is the better one, unless
	 * the sender has one of its own */
	if (result == 0 && check(b, &e[1], &why) < 0) {
		bool cut = strstr(why.message, "cut short") != NULL;
		if (!cut || check(b, &e[0], err) == 0)
			*err = why;
		result = -1;
	} else if (result == 0) {
		result = check(b, &e[0], err);
	}
	if (result == 0)
		tell(b, &e[0]);
	end_release(&e[0]);
	end_release(&e[1]);
	return result;
}

int imagecopy_folder(const struct build *b, const struct imagecopy *copy, const char *upper,
		     struct error *err)
{
	/* what a sender says of a folder with nothing in it: needs no container to say it */
	static const struct copy_head said[] = {{.kind = COPY_FROM_FOLDER}, {.kind = COPY_END}};
	_cleanup_(end_release) struct end e = END_INIT;
	_cleanup_spec_ struct container_spec receiver;
	int ends[2];

	fill_receiver(b, copy, upper, &receiver);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "make a pipe");
	int result = file_write_all(ends[1], said, sizeof(said), err);
	close(ends[1]);
	if (result < 0) {
		close(ends[0]);
		return -1;
	}
	if (start(b, &receiver, ends[0], -1, &e, err) < 0 || wait_all(b, &e, 1, -1, NULL, err) < 0)
		return -1;
	return check(b, &e, err);
}
