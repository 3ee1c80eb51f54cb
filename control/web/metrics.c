/* SPDX-License-Identifier: MIT */
#include "control/web/metrics.h"

#include <jansson.h>
#include <stdio.h>

#include "base/cleanup.h"

static void free_json(json_t **j)
{
	json_decref(*j);
}

static void head(struct strbuf *out, const char *name, const char *type, const char *help)
{
	strbuf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A label's value: backslash, quote and line feed are escaped. */
static void add_label(struct strbuf *out, const char *key, const char *value)
{
	strbuf_addf(out, "%s=\"", key);
	for (; *value; value++) {
		if (*value == '\n')
			strbuf_addstr(out, "\\n");
		else {
			if (*value == '\\' || *value == '"')
				strbuf_addch(out, '\\');
			strbuf_addch(out, *value);
		}
	}
	strbuf_addch(out, '"');
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

static double number_of(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

/* One sample of KEY for every process of every app, times SCALE. */
static void per_process(struct strbuf *out, const json_t *apps, const char *key, double scale,
			const char *name, const char *type, const char *help)
{
	size_t i, k;
	json_t *app, *p;

	head(out, name, type, help);
	json_array_foreach(apps, i, app)
	{
		json_array_foreach(json_object_get(app, "processes"), k, p)
		{
			if (!json_is_number(json_object_get(p, key)))
				continue;
			strbuf_addf(out, "%s{", name);
			add_label(out, "app", text_of(app, "name"));
			strbuf_addch(out, ',');
			add_label(out, "process", text_of(p, "type"));
			strbuf_addf(out, ",number=\"%.0f\"} %.15g\n", number_of(p, "n"),
				    number_of(p, key) * scale);
		}
	}
}

static void process_states(struct strbuf *out, const json_t *apps)
{
	size_t i, k;
	json_t *app, *p;

	head(out, "berth_process_up", "gauge", "Whether the process runs, with its state");
	json_array_foreach(apps, i, app)
	{
		json_array_foreach(json_object_get(app, "processes"), k, p)
		{
			strbuf_addstr(out, "berth_process_up{");
			add_label(out, "app", text_of(app, "name"));
			strbuf_addch(out, ',');
			add_label(out, "process", text_of(p, "type"));
			strbuf_addf(out, ",number=\"%.0f\",", number_of(p, "n"));
			add_label(out, "state", text_of(p, "state"));
			strbuf_addf(out, "} %d\n",
				    str_equal(text_of(p, "state"), "running") ||
					    str_equal(text_of(p, "state"), "up"));
		}
	}
}

static void requests(struct strbuf *out, const json_t *apps)
{
	const char *class;
	size_t i;
	json_t *app, *n;

	head(out, "berth_requests_total", "counter", "Requests answered, by class of status");
	json_array_foreach(apps, i, app)
	{
		json_object_foreach(json_object_get(json_object_get(app, "router"), "status"),
				    class, n)
		{
			strbuf_addstr(out, "berth_requests_total{");
			add_label(out, "app", text_of(app, "name"));
			strbuf_addch(out, ',');
			add_label(out, "status", class);
			strbuf_addf(out, "} %.15g\n", json_number_value(n));
		}
	}
}

/* The router counts each request in one bucket; Prometheus wants them summed up. */
static void one_latency(struct strbuf *out, const char *app, const json_t *latency)
{
	const json_t *le = json_object_get(latency, "le"),
		     *count = json_object_get(latency, "count");
	double total = 0;

	for (size_t i = 0; i < json_array_size(count); i++) {
		total += json_number_value(json_array_get(count, i));
		strbuf_addstr(out, "berth_request_seconds_bucket{");
		add_label(out, "app", app);
		if (i < json_array_size(le))
			strbuf_addf(out, ",le=\"%g\"} %.15g\n",
				    json_number_value(json_array_get(le, i)), total);
		else
			strbuf_addf(out, ",le=\"+Inf\"} %.15g\n", total);
	}
	strbuf_addstr(out, "berth_request_seconds_sum{");
	add_label(out, "app", app);
	strbuf_addf(out, "} %.15g\nberth_request_seconds_count{", number_of(latency, "sum"));
	add_label(out, "app", app);
	strbuf_addf(out, "} %.15g\n", total);
}

static void latencies(struct strbuf *out, const json_t *apps)
{
	size_t i;
	json_t *app;

	head(out, "berth_request_seconds", "histogram", "Time from request to end of answer");
	json_array_foreach(apps, i, app)
	{
		const json_t *latency = json_object_get(json_object_get(app, "router"), "latency");

		if (json_is_object(latency))
			one_latency(out, text_of(app, "name"), latency);
	}
}

static void in_flight(struct strbuf *out, const json_t *apps)
{
	size_t i;
	json_t *app;

	head(out, "berth_requests_in_flight", "gauge", "Requests being answered now");
	json_array_foreach(apps, i, app)
	{
		const json_t *n = json_object_get(json_object_get(app, "router"), "in_flight");

		if (!json_is_number(n))
			continue;
		strbuf_addstr(out, "berth_requests_in_flight{");
		add_label(out, "app", text_of(app, "name"));
		strbuf_addf(out, "} %.15g\n", json_number_value(n));
	}
}

static void releases(struct strbuf *out, const json_t *apps)
{
	size_t i;
	json_t *app;

	head(out, "berth_release", "gauge", "Number of the app's current release");
	json_array_foreach(apps, i, app)
	{
		strbuf_addstr(out, "berth_release{");
		add_label(out, "app", text_of(app, "name"));
		strbuf_addf(out, "} %.0f\n", number_of(app, "release"));
	}
}

static void control(struct strbuf *out, const json_t *root)
{
	size_t i;
	json_t *p;

	head(out, "berth_control_memory_bytes", "gauge", "Memory of Berth's own processes");
	json_array_foreach(json_object_get(root, "control"), i, p)
	{
		strbuf_addstr(out, "berth_control_memory_bytes{");
		add_label(out, "process", text_of(p, "name"));
		strbuf_addf(out, "} %.15g\n", number_of(p, "memory"));
	}
}

int metrics_render(const char *json, size_t len, struct strbuf *out, struct error *err)
{
	json_error_t why;
	_cleanup_(free_json) json_t *root = json_loadb(json, len, JSON_REJECT_DUPLICATES, &why);
	const json_t *apps = json_object_get(root, "apps");

	if (!json_is_object(root))
		return error_set(err, ERROR_FAILED, 0, "berthd gave no metrics: %s", why.text);
	head(out, "berth_info", "gauge", "Version of Berth");
	strbuf_addstr(out, "berth_info{");
	add_label(out, "version", text_of(root, "version"));
	strbuf_addstr(out, "} 1\n");
	if (json_is_number(json_object_get(root, "uptime"))) {
		head(out, "berth_uptime_seconds", "gauge", "Time since berthd started");
		strbuf_addf(out, "berth_uptime_seconds %.15g\n", number_of(root, "uptime"));
	}
	head(out, "berth_apps", "gauge", "Number of apps");
	strbuf_addf(out, "berth_apps %zu\n", json_array_size(apps));
	releases(out, apps);
	process_states(out, apps);
	per_process(out, apps, "restarts", 1, "berth_process_restarts_total", "counter",
		    "Restarts since the process was made");
	per_process(out, apps, "memory", 1, "berth_process_memory_bytes", "gauge",
		    "Memory in use by the process's container");
	per_process(out, apps, "cpu_us", 1e-6, "berth_process_cpu_seconds_total", "counter",
		    "Processor time of the current run");
	requests(out, apps);
	latencies(out, apps);
	in_flight(out, apps);
	control(out, root);
	return 0;
}
