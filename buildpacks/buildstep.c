/* SPDX-License-Identifier: MIT */
#include "buildpacks/buildstep.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/strbuf.h"
#include "buildpacks/cache.h"
#include "buildpacks/environment.h"
#include "buildpacks/hint.h"
#include "buildpacks/pump.h"
#include "buildpacks/say.h"

#define SAY_TIME_MS 1000 /* shorter steps need no time of their own in the output */

struct spec_limits buildstep_limits(const struct build *b)
{
	struct spec_limits l = b->limits;

	l.memory = l.memory ? l.memory : BUILD_MEMORY;
	l.disk = l.disk ? l.disk : BUILD_DISK;
	l.time_ms = l.time_ms ? l.time_ms : BUILD_TIME_MS;
	return l;
}

static void fill_spec(const struct build *b, const struct buildstep *step,
		      struct container_spec *spec)
{
	char random[17];

	container_spec_init(spec);
	random_hex(random, 16);
	spec->id = xasprintf("build-%s", random);
	spec->label = xasprintf("build %.200s", b->app);
	spec->profile = SPEC_BUILD;
	spec->range = b->range;
	strvec_push_all(&spec->layers, step->layers.v);
	spec->upper = xstrdup(step->upper);
	spec->hostname = xstrdup("build");
	spec->network = SPEC_NET_EGRESS;
	spec->restart = SPEC_RESTART_NO;
	spec->limits = buildstep_limits(b);
	container_spec_add_mount(spec, SPEC_MOUNT_PACKS, "bundled", "/packs", true);
	for (size_t i = 0; i < step->packs->n; i++)
		if (step->packs->v[i].mount)
			container_spec_add_mount(spec, SPEC_MOUNT_PACKS, step->packs->v[i].mount,
						 step->packs->v[i].path, true);
	container_spec_add_mount(spec, SPEC_MOUNT_CACHE, b->app, "/cache", false);
	container_spec_add_mount(spec, SPEC_MOUNT_STAGE, step->env->id, "/env", true);
	if (step->inputs)
		container_spec_add_mount(spec, SPEC_MOUNT_STAGE, step->inputs->id, "/inputs", true);
	environment_build(b->inst, b->stack_name ? b->stack_name : b->stack, b->commit, &spec->env);
	if (b->cache_size)
		strvec_pushf(&spec->env, "BERTH_CACHE_SIZE=%llu",
			     (unsigned long long)b->cache_size);
	strvec_push(&spec->argv, "bash");
	strvec_push(&spec->argv, "/packs/driver/build");
	strvec_push(&spec->argv, step->inputs ? "inputs" : step->more ? "more" : "whole");
	if (step->filtered)
		strvec_push(&spec->argv, "--filter");
	for (size_t i = 0; i < step->packs->n; i++) {
		const struct pack *p = &step->packs->v[i];
		strvec_pushf(&spec->argv, "%s%s%s", p->cnb ? "cnb:" : "",
			     p->optional ? "optional:" : "", p->path);
	}
}

static char *more_than(uint64_t bytes, const char *what)
{
	bool whole = bytes % (1ull << 30) == 0;

	return xasprintf("used more than %llu %s of %s",
			 (unsigned long long)(bytes >> (whole ? 30 : 20)), whole ? "GB" : "MB",
			 what);
}

bool buildstep_went_well(const struct runtime_result *r)
{
	return r->exit_code == 0 && !r->timed_out && !r->disk_full;
}

char *buildstep_limit_hit(const struct build *b, const struct runtime_result *r)
{
	struct spec_limits l = buildstep_limits(b);

	if (r->timed_out)
		return l.time_ms >= 120000
			       ? xasprintf("took longer than %u minutes", l.time_ms / 60000)
			       : xasprintf("took longer than %u seconds", l.time_ms / 1000);
	if (r->disk_full)
		return more_than(l.disk, "disk");
	if (r->oom_killed)
		return more_than(l.memory, "memory");
	return NULL;
}

void buildstep_add_refused(const struct build *b, const struct runtime_result *r, struct error *err)
{
	struct error before = *err;

	if (r->pids_refused)
		error_set(err, before.code, before.sys, "%s, and wanted more than %u processes",
			  before.message, buildstep_limits(b).pids);
}

static int check_result(const struct build *b, const struct buildstep *step,
			const struct runtime_result *result, const struct report *report,
			struct error *err)
{
	if (buildstep_went_well(result) && !report->failed_step)
		return 0;
	_cleanup_free_ char *limit = buildstep_limit_hit(b, result);
	if (limit)
		return error_set(err, ERROR_FAILED, 0, "Build %s", limit);
	if (!report->failed_step || report->failed_pack >= step->packs->n)
		return error_set(err, ERROR_FAILED, 0, "the build ended with status %d",
				 result->exit_code);
	const struct pack *p = &step->packs->v[report->failed_pack];
	if (str_equal(report->failed_step, "detect"))
		return error_set(err, ERROR_FAILED, 0,
				 "the %s buildpack ('%s') does not fit this app: its bin/detect "
				 "exited with status %d",
				 p->title, p->name, report->failed_status);
	return error_set(err, ERROR_FAILED, 0,
			 "the %s buildpack failed: bin/%s exited with status %d", p->title,
			 report->failed_step, report->failed_status);
}

/* What to do about the failure in ERR. A pack from elsewhere that shows no common cause may want
 * another stack. */
static int explain(const struct build *b, const struct buildstep *step, const struct report *report,
		   const char *printed, struct error *err)
{
	if (hint_find(HINT_BUILD, err->message, printed))
		return hint_add(HINT_BUILD, printed, err);
	if (!report->failed_step || report->failed_pack >= step->packs->n ||
	    str_equal(report->failed_step, "detect") ||
	    !step->packs->v[report->failed_pack].mount || b->stack_name)
		return -1;
	_cleanup_free_ char *message = xstrdup(err->message);
	return error_set(err, err->code, 0,
			 "%s; if it knows Heroku's stacks only, tell it one: "
			 "'buildpacks:set-property APP stack-name heroku-22'",
			 message);
}

static int run(const struct build *b, const struct buildstep *step, struct report *out,
	       struct error *err)
{
	_cleanup_strbuf_ struct strbuf results = STRBUF_INIT;
	_cleanup_spec_ struct container_spec spec;
	_cleanup_strbuf_ struct strbuf tail = STRBUF_INIT;
	struct pump pump = {.out = b->out,
			    .err = b->err,
			    .cancel_fd = b->cancel_fd,
			    .results = &results,
			    .tail = &tail,
			    .doing = "building",
			    .alive = b->out};
	struct runtime_result result;
	struct error why = ERROR_INIT;

	if ((b->turn && b->turn(b->turn_data, err) < 0) || cache_note(b->inst, b->app, err) < 0)
		return -1;
	int64_t start = clock_ms();
	fill_spec(b, step, &spec);
	strbuf_cap(&results, REPORT_MAX);
	if (pump_run(b->inst, &spec, &pump, &result, err) < 0)
		return -1;
	/* a limit may have cut the report short: the limit is the better reason */
	int parsed = results.overflow
			     ? error_set(&why, ERROR_INVALID, 0, "the build's report is too large")
			     : report_parse(out, results.data, results.len, &why);
	if (check_result(b, step, &result, out, err) < 0) {
		buildstep_add_refused(b, &result, err);
		return explain(b, step, out, tail.data, err);
	}
	if (clock_ms() - start >= SAY_TIME_MS)
		say_detail(b->out, "Built in %.1f s", (double)(clock_ms() - start) / 1000);
	if (parsed < 0)
		*err = why;
	return parsed;
}

int buildstep_run(const struct build *b, const struct buildstep *step, struct report *out,
		  struct error *err)
{
	if (run(b, step, out, err) < 0) {
		runtime_layer_remove(b->inst, step->upper, NULL);
		return -1;
	}
	return 0;
}
