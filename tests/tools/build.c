/* SPDX-License-Identifier: MIT */
/*
 * The builder as a command, for tests (bats has no C). Run it as user berth.
 *
 *   build --root DIR build APP RANGE TREE STACK [--pack NAME]... [--config K=V]... [--time MS]
 *         [--memory BYTES] [--disk BYTES]      prints the image's id as its last line
 *   build --root DIR show IMAGE                its layers, processes and variables
 *   build --root DIR start IMAGE TYPE ID RANGE starts a process detached and prints its address;
 *                                              it has PORT=5000
 *   build --root DIR detect FOLDER N           milliseconds of choosing the packs for it, N times,
 *                                              one a line
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "base/strvec.h"
#include "buildpacks/builder.h"
#include "buildpacks/pack.h"
#include "instance/instance.h"
#include "runtime/client.h"
#include "runtime/image.h"

static int usage(struct error *err)
{
	return error_set(err, ERROR_USAGE, 0, "see the top of tests/tools/build.c");
}

static int number(const char *s, unsigned long long *out, struct error *err)
{
	if (str_to_u64(s, 0, UINT64_MAX, out) < 0)
		return error_set(err, ERROR_USAGE, 0, "'%s' is no number", s);
	return 0;
}

static int take_options(char **argv, struct build *b, struct strvec *packs, struct strvec *config,
			struct error *err)
{
	unsigned long long n = 0;

	for (; argv[0]; argv += 2) {
		if (!argv[1])
			return usage(err);
		if (str_equal(argv[0], "--pack"))
			strvec_push(packs, argv[1]);
		else if (str_equal(argv[0], "--config"))
			strvec_push(config, argv[1]);
		else if (number(argv[1], &n, err) < 0)
			return -1;
		else if (str_equal(argv[0], "--time"))
			b->limits.time_ms = (uint32_t)n;
		else if (str_equal(argv[0], "--memory"))
			b->limits.memory = n;
		else if (str_equal(argv[0], "--disk"))
			b->limits.disk = n;
		else
			return usage(err);
	}
	return 0;
}

static int do_build(const struct instance *inst, int argc, char **argv, struct error *err)
{
	_cleanup_strvec_ struct strvec packs = STRVEC_INIT, config = STRVEC_INIT;
	_cleanup_image_ struct image im;
	unsigned long long range;

	image_init(&im);
	if (argc < 4 || number(argv[1], &range, err) < 0)
		return argc < 4 ? usage(err) : -1;
	struct build b = {
		.inst = inst,
		.app = argv[0],
		.range = (unsigned)range,
		.tree = argv[2],
		.commit = "0123456789abcdef0123456789abcdef01234567",
		.stack = argv[3],
		.config = &config,
		.packs = &packs,
		.out = STDOUT_FILENO,
		.err = STDERR_FILENO,
		.cancel_fd = -1,
	};
	if (take_options(argv + 4, &b, &packs, &config, err) < 0 || builder_run(&b, &im, err) < 0)
		return -1;
	printf("%s\n", im.id);
	return 0;
}

static int do_show(const struct instance *inst, int argc, char **argv, struct error *err)
{
	_cleanup_image_ struct image im;

	image_init(&im);
	if (argc != 1)
		return usage(err);
	if (image_load(inst, argv[0], &im, err) < 0)
		return -1;
	for (size_t i = 0; i < im.layers.n; i++)
		printf("layer %s\n", im.layers.v[i]);
	for (size_t i = 0; i < im.n_processes; i++)
		printf("process %s: %s\n", im.processes[i].type, im.processes[i].command);
	for (size_t i = 0; i < im.env.n; i++)
		printf("env %s\n", im.env.v[i]);
	for (size_t i = 0; i < im.packs.n; i++)
		printf("pack %s\n", im.packs.v[i]);
	return 0;
}

static int do_start(const struct instance *inst, int argc, char **argv, struct error *err)
{
	_cleanup_image_ struct image im;
	_cleanup_spec_ struct container_spec spec;
	char address[RUNTIME_ADDRESS_MAX];
	unsigned long long range;

	image_init(&im);
	container_spec_init(&spec);
	if (argc != 4)
		return usage(err);
	if (number(argv[3], &range, err) < 0 || image_load(inst, argv[0], &im, err) < 0)
		return -1;
	const char *command = image_command(&im, argv[1]);
	if (!command)
		return error_set(err, ERROR_NOT_FOUND, 0, "no process '%s'", argv[1]);
	spec.id = xstrdup(argv[2]);
	spec.label = xstrdup("test");
	spec.profile = SPEC_APP;
	spec.range = (unsigned)range;
	strvec_push_all(&spec.layers, im.layers.v);
	image_launch_argv(command, &spec.argv);
	strvec_push(&spec.env, "PATH=/usr/local/bin:/usr/bin:/bin");
	strvec_push_all(&spec.env, im.env.v);
	strvec_push(&spec.env, "HOME=/app");
	strvec_push(&spec.env, "PORT=5000");
	strvec_pushf(&spec.env, "DYNO=%s.1", argv[1]);
	spec.network = SPEC_NET_EGRESS;
	spec.log_app = xstrdup("test");
	spec.log_name = xasprintf("%s.1", argv[1]);
	spec.restart = SPEC_RESTART_NO;
	spec.stop_ms = 2000;
	if (runtime_start(inst, &spec, address, err) < 0)
		return -1;
	printf("%s\n", address);
	return 0;
}

static int do_detect(const struct instance *inst, int argc, char **argv, struct error *err)
{
	unsigned long long n;

	if (argc != 2)
		return usage(err);
	_cleanup_close_ int folder = open(argv[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open '%s'", argv[0]);
	if (number(argv[1], &n, err) < 0)
		return -1;
	for (unsigned long long i = 0; i < n; i++) {
		_cleanup_packs_ struct packs packs = PACKS_INIT;
		struct pack_place at = {inst, folder, -1, -1};
		int64_t start = clock_us();
		if (packs_choose(&packs, &at, NULL, NULL, err) < 0)
			return -1;
		printf("%.3f\n", (double)(clock_us() - start) / 1000);
	}
	return 0;
}

int main(int argc, char **argv)
{
	_cleanup_instance_ struct instance inst = {0};
	struct error err = ERROR_INIT;
	int result = -1;

	signal(SIGPIPE, SIG_IGN);
	if (argc < 4 || !str_equal(argv[1], "--root"))
		usage(&err);
	else if (instance_open(&inst, argv[2], &err) == 0) {
		argc -= 4;
		argv += 4;
		if (str_equal(argv[-1], "build"))
			result = do_build(&inst, argc, argv, &err);
		else if (str_equal(argv[-1], "show"))
			result = do_show(&inst, argc, argv, &err);
		else if (str_equal(argv[-1], "start"))
			result = do_start(&inst, argc, argv, &err);
		else if (str_equal(argv[-1], "detect"))
			result = do_detect(&inst, argc, argv, &err);
		else
			usage(&err);
	}
	if (result < 0)
		fprintf(stderr, " !     %s\n", err.message);
	return result < 0 ? error_exit_status(err.code) : 0;
}
