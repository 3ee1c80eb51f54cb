/* SPDX-License-Identifier: MIT */
#include "router/config.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <fcntl.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/strvec.h"
#include "instance/name.h"
#include "router/line.h"

#define MODULES "/usr/lib/nginx/modules"
#define DEFAULT_API_HOST "berth.localhost"

int config_quote(struct strbuf *out, const char *value, struct error *err)
{
	for (const char *p = value; *p; p++) {
		unsigned char c = (unsigned char)*p;
		if (c < 0x20 || c == 0x7f || strchr("\"'\\$`", c))
			return error_set(err, ERROR_INVALID, 0,
					 "'%s' cannot stand in the router's configuration: it may "
					 "not have quotes, '\\', '$' or control characters",
					 value);
	}
	strbuf_addf(out, "\"%s\"", value);
	return 0;
}

int config_port(const struct instance *inst, unsigned *out, struct error *err)
{
	unsigned long long port;

	if (instance_setting_u64(inst, "http", "port", 1, 65535, 80, &port, err) < 0)
		return -1;
	*out = (unsigned)port;
	return 0;
}

int config_api_host(const struct instance *inst, const char **out, struct error *err)
{
	const char *host = instance_setting(inst, "http", "api-host", DEFAULT_API_HOST);

	if (name_check_domain(host, err) < 0)
		return error_wrap(err, "setting [http] api-host");
	if (host[0] == '*')
		return error_set(err, ERROR_INVALID, 0,
				 "setting [http] api-host: '%s' must be one host name", host);
	*out = host;
	return 0;
}

/* One listening address: a dotted quad or an IPv6 address with or without brackets. */
static int emit_address(const char *address, unsigned port, bool is_default, struct strbuf *out,
			struct error *err)
{
	_cleanup_free_ char *bare = NULL;
	const char *flags = is_default ? " default_server backlog=4096" : "";
	unsigned char binary[sizeof(struct in6_addr)];
	size_t len = strlen(address);

	if (inet_pton(AF_INET, address, binary) == 1) {
		strbuf_addf(out, "\t\tlisten %s:%u%s;\n", address, port, flags);
		return 0;
	}
	bare = address[0] == '[' && address[len - 1] == ']' ? xstrndup(address + 1, len - 2)
							    : xstrdup(address);
	if (inet_pton(AF_INET6, bare, binary) != 1)
		return error_set(err, ERROR_INVALID, 0,
				 "setting [http] address: '%s' is not an IP address", address);
	strbuf_addf(out, "\t\tlisten [%s]:%u%s%s;\n", bare, port, flags,
		    is_default ? " ipv6only=on" : "");
	return 0;
}

/* [http] address: addresses with spaces or commas between them. The default is every address of
 * the kinds that this kernel has. */
static int emit_listen(const struct instance *inst, bool is_default, struct strbuf *out,
		       struct error *err)
{
	const char *text = instance_setting(inst, "http", "address", NULL);
	unsigned port;

	if (config_port(inst, &port, err) < 0)
		return -1;
	if (!text)
		text = file_exists(AT_FDCWD, "/proc/net/if_inet6") ? "0.0.0.0 [::]" : "0.0.0.0";
	size_t n = 0;
	while (*(text += strspn(text, " \t,"))) {
		size_t len = strcspn(text, " \t,");
		_cleanup_free_ char *address = xstrndup(text, len);
		if (emit_address(address, port, is_default, out, err) < 0)
			return -1;
		text += len;
		n++;
	}
	if (n == 0)
		return error_set(err, ERROR_INVALID, 0, "setting [http] address is empty");
	return 0;
}

static int emit_main(const struct instance *inst, struct strbuf *out, struct error *err)
{
	unsigned long long workers, connections;
	_cleanup_free_ char *pid = instance_run(inst, "router/nginx.pid");

	if (instance_setting_u64(inst, "http", "workers", 0, 256, 0, &workers, err) < 0 ||
	    instance_setting_u64(inst, "http", "connections", 64, 1000000, 4096, &connections,
				 err) < 0)
		return -1;
	strbuf_addstr(out, "# Written by Berth at every start of the router; changes are lost.\n"
			   "load_module " MODULES "/ndk_http_module.so;\n"
			   "load_module " MODULES "/ngx_http_lua_module.so;\n"
			   "pcre_jit on;\n"
			   "daemon off;\n"
			   "error_log stderr error;\n"
			   "pid ");
	if (config_quote(out, pid, err) < 0)
		return -1;
	strbuf_addstr(out, ";\nworker_processes ");
	if (workers)
		strbuf_addf(out, "%llu;\n", workers);
	else
		strbuf_addstr(out, "auto;\n");
	/* a descriptor for each side of a proxied connection, and some for logs */
	strbuf_addf(out,
		    "worker_shutdown_timeout 60s;\n"
		    "events {\n\tworker_connections %llu;\n}\n",
		    connections);
	return 0;
}

static int emit_lua(const struct instance *inst, struct strbuf *out, struct error *err)
{
	_cleanup_free_ char *lua = xasprintf("%s/router/lua/?.lua;;", inst->share);
	_cleanup_free_ char *control = instance_run(inst, "router/control.sock");
	_cleanup_free_ char *hold = instance_run(inst, "router/hold.sock");

	strbuf_addstr(out, "\tlua_package_path ");
	if (config_quote(out, lua, err) < 0)
		return -1;
	strbuf_addstr(out, ";\n"
			   "\tlua_shared_dict berth_routes 32m;\n"
			   "\tlua_shared_dict berth_flight 4m;\n"
			   "\tlua_shared_dict berth_stats 16m;\n"
			   "\tlua_socket_log_errors off;\n"
			   "\tinit_by_lua_block { require(\"start\").master({");
	if (config_quote(out, control, err) < 0)
		return -1;
	strbuf_addstr(out, ", ");
	if (config_quote(out, hold, err) < 0)
		return -1;
	strbuf_addstr(out, "}) }\n"
			   "\tinit_worker_by_lua_block { require(\"start\").worker() }\n"
			   "\texit_worker_by_lua_block { require(\"log\").flush() }\n");
	_cleanup_free_ char *peer = xasprintf("unix:%s", hold);
	strbuf_addstr(out, "\tmap \"\" $berth_hold {\n\t\tdefault ");
	if (config_quote(out, peer, err) < 0)
		return -1;
	strbuf_addstr(out, ";\n\t}\n");
	return 0;
}

/*
 * Settings of the whole http block. A kept connection to a backend may be closed by the app at the
 * very moment nginx uses it. nginx then repeats a request that is idempotent and has no body;
 * others only use connections that were idle for an instant, when no app closes one.
 */
static const char http_text[] =
	"\tclient_body_temp_path tmp/body;\n"
	"\tproxy_temp_path tmp/proxy;\n"
	"\tfastcgi_temp_path tmp/fastcgi;\n"
	"\tuwsgi_temp_path tmp/uwsgi;\n"
	"\tscgi_temp_path tmp/scgi;\n"
	"\tserver_tokens off;\n"
	"\ttcp_nodelay on;\n"
	"\tserver_names_hash_bucket_size 512;\n"
	"\tvariables_hash_max_size 2048;\n"
	"\tkeepalive_timeout 75s;\n"
	"\tkeepalive_requests 100000;\n"
	"\tclient_max_body_size 0;\n"
	"\tclient_header_buffer_size 2k;\n"
	"\tlarge_client_header_buffers 8 16k;\n"
	"\tclient_header_timeout 60s;\n"
	"\tclient_body_timeout 60s;\n"
	"\tsend_timeout 60s;\n"
	"\treset_timedout_connection on;\n"
	"\t# not idempotent, or has a body, or becomes a tunnel\n"
	"\tmap \"$request_method$http_content_length$http_transfer_encoding$http_upgrade\" "
	"$berth_unrepeatable {\n"
	"\t\tdefault 1;\n"
	"\t\tGET 0;\n"
	"\t\tHEAD 0;\n"
	"\t\tOPTIONS 0;\n"
	"\t}\n"
	"\t# only websockets: another protocol inside (h2c) would go past the router's rules\n"
	"\tmap $http_upgrade $berth_upgrade {\n"
	"\t\tdefault \"\";\n"
	"\t\twebsocket websocket;\n"
	"\t}\n"
	"\tmap $berth_upgrade $berth_connection {\n"
	"\t\tdefault upgrade;\n"
	"\t\t\"\" \"\";\n"
	"\t}\n"
	"\t# nginx's own $request_id is of OpenSSL's random numbers: a tenth of what a request "
	"costs\n"
	"\tmap $http_x_request_id $berth_request_id {\n"
	"\t\tdefault $msec-$connection-$connection_requests;\n"
	"\t\t\"~^[A-Za-z0-9._=-]{16,200}$\" $http_x_request_id;\n"
	"\t}\n"
	"\t# set by Lua, which can set what something names; `set` would cost each request more\n"
	"\tmap \"\" $berth_backend {\n"
	"\t\tdefault \"\";\n"
	"\t}\n"
	"\tmap \"\" $berth_fate {\n"
	"\t\tdefault \"\";\n"
	"\t}\n"
	"\tmap $berth_fate $berth_named {\n"
	"\t\tdefault \"\";\n"
	"\t}\n"
	"\tmap \"\" $berth_line {\n"
	"\t\tdefault \"" LINE_FORMAT "\";\n"
	"\t}\n"
	"\tmap $http_host $berth_host {\n"
	"\t\tdefault $host;\n"
	"\t\t\"~(:[0-9]{1,5})$\" $host$1;\n"
	"\t}\n"
	"\topen_file_cache max=16 inactive=300s;\n"
	"\topen_file_cache_valid 300s;\n"
	"\taccess_log off;\n"
	"\tproxy_http_version 1.1;\n"
	"\tproxy_buffering off;\n"
	"\tproxy_buffer_size 16k;\n"
	"\tproxy_buffers 4 16k;\n"
	"\tproxy_busy_buffers_size 16k;\n"
	"\tproxy_max_temp_file_size 0;\n"
	"\tproxy_request_buffering off;\n"
	"\tproxy_connect_timeout 5s;\n"
	"\tproxy_send_timeout 60s;\n"
	"\tproxy_read_timeout 60s;\n"
	"\tproxy_socket_keepalive on;\n"
	"\tproxy_redirect off;\n"
	"\tproxy_next_upstream error timeout;\n"
	"\t# an app's X-Accel-Redirect must not reach the router's own locations\n"
	"\tproxy_ignore_headers X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate "
	"X-Accel-Buffering X-Accel-Charset Expires Cache-Control Set-Cookie Vary;\n"
	"\tproxy_pass_header Server;\n"
	"\tproxy_pass_header Date;\n"
	"\tupstream berth_kept {\n"
	"\t\tserver 0.0.0.1;\n"
	"\t\tbalancer_by_lua_block { require(\"balance\").front() }\n"
	"\t\tkeepalive 256;\n"
	"\t\tkeepalive_requests 100000;\n"
	"\t\tkeepalive_timeout 1500ms;\n"
	"\t}\n"
	"\tupstream berth_once {\n"
	"\t\tserver 0.0.0.1;\n"
	"\t\tbalancer_by_lua_block { require(\"balance\").front() }\n"
	"\t\tkeepalive 64;\n"
	"\t\tkeepalive_requests 100000;\n"
	"\t\tkeepalive_timeout 250ms;\n"
	"\t}\n"
	"\tupstream berth_held {\n"
	"\t\tserver 0.0.0.1;\n"
	"\t\tbalancer_by_lua_block { require(\"balance\").held() }\n"
	"\t}\n";

/* What an app may believe about its client: headers that a client could forge are replaced or
 * dropped. */
static const char forward_text[] = "\t\t\tproxy_set_header Host $berth_host;\n"
				   "\t\t\tproxy_set_header Connection $berth_connection;\n"
				   "\t\t\tproxy_set_header Upgrade $berth_upgrade;\n"
				   "\t\t\tproxy_set_header X-Forwarded-For $remote_addr;\n"
				   "\t\t\tproxy_set_header X-Forwarded-Proto $scheme;\n"
				   "\t\t\tproxy_set_header X-Forwarded-Port $server_port;\n"
				   "\t\t\tproxy_set_header X-Forwarded-Host $berth_host;\n"
				   "\t\t\tproxy_set_header X-Real-IP $remote_addr;\n"
				   "\t\t\tproxy_set_header X-Request-Start $msec;\n"
				   "\t\t\tproxy_set_header X-Request-Id $berth_request_id;\n"
				   "\t\t\tproxy_set_header Forwarded \"\";\n"
				   "\t\t\tproxy_set_header X-Forwarded-Server \"\";\n"
				   "\t\t\tproxy_set_header X-Forwarded-Ssl \"\";\n"
				   "\t\t\tproxy_set_header X-Original-URL \"\";\n"
				   "\t\t\tproxy_set_header X-Rewrite-URL \"\";\n"
				   "\t\t\tproxy_set_header HTTP2-Settings \"\";\n"
				   "\t\t\tproxy_set_header Proxy-Connection \"\";\n"
				   "\t\t\tproxy_set_header Proxy \"\";\n";

static const char front_text[] = "\t\terror_page 500 502 504 = @failed;\n"
				 "\t\tlog_by_lua_block { require(\"log\").log() }\n"
				 "\t\tlocation / {\n"
				 "\t\t\tproxy_pass http://berth_kept;\n"
				 "\t\t\tif ($berth_unrepeatable) {\n"
				 "\t\t\t\tproxy_pass http://berth_once;\n"
				 "\t\t\t}\n";

static const char held_text[] = "\tserver {\n"
				"\t\terror_page 500 502 504 = @failed;\n"
				"\t\tlog_by_lua_block { require(\"balance\").done() }\n"
				"\t\tlocation / {\n"
				"\t\t\taccess_by_lua_block { require(\"hold\").access() }\n"
				"\t\t\tproxy_pass http://berth_held;\n"
				"\t\t\tproxy_set_header Host $http_host;\n"
				"\t\t\tproxy_set_header Connection $berth_connection;\n"
				"\t\t\tproxy_set_header Upgrade $berth_upgrade;\n"
				"\t\t\tproxy_next_upstream off;\n"
				"\t\t}\n"
				"\t\tlocation @failed {\n"
				"\t\t\tcontent_by_lua_block { require(\"pages\").failed() }\n"
				"\t\t}\n";

static const char control_text[] =
	"\tserver {\n"
	"\t\tclient_body_buffer_size 1m;\n"
	"\t\tkeepalive_timeout 0;\n"
	"\t\tlocation = /apply {\n"
	"\t\t\tcontent_by_lua_block { require(\"control\").apply() }\n\t\t}\n"
	"\t\tlocation = /in-flight {\n"
	"\t\t\tcontent_by_lua_block { require(\"control\").in_flight() }\n\t\t}\n"
	"\t\tlocation = /stats {\n"
	"\t\t\tcontent_by_lua_block { require(\"control\").stats() }\n\t\t}\n"
	"\t\tlocation = /status {\n"
	"\t\t\tcontent_by_lua_block { require(\"control\").status() }\n\t\t}\n"
	"\t\tlocation / {\n\t\t\treturn 404;\n\t\t}\n";

static int emit_front(const struct instance *inst, struct strbuf *out, struct error *err)
{
	strbuf_addstr(out, "\tserver {\n\t\tserver_name _;\n");
	if (emit_listen(inst, true, out, err) < 0)
		return -1;
	strbuf_addstr(out, "\t\troot ");
	_cleanup_free_ char *folder = instance_lib(inst, "router");
	if (config_quote(out, folder, err) < 0)
		return -1;
	strbuf_addstr(out, ";\n");
	strbuf_addstr(out, front_text);
	strbuf_addstr(out, forward_text);
	strbuf_addstr(out,
		      "\t\t}\n\t\tlocation @failed {\n"
		      "\t\t\tcontent_by_lua_block { require(\"pages\").failed() }\n\t\t}\n\t}\n");
	return 0;
}

static int emit_api(const struct instance *inst, struct strbuf *out, struct error *err)
{
	_cleanup_free_ char *peer = instance_run(inst, "web.sock");
	_cleanup_free_ char *address = xasprintf("unix:%s", peer);
	const char *host;

	if (config_api_host(inst, &host, err) < 0)
		return -1;
	strbuf_addstr(out, "\tupstream berth_web {\n\t\tserver ");
	if (config_quote(out, address, err) < 0)
		return -1;
	strbuf_addstr(out, ";\n\t\tkeepalive 4;\n\t}\n\tserver {\n\t\tserver_name ");
	if (config_quote(out, host, err) < 0)
		return -1;
	strbuf_addstr(out, ";\n");
	if (emit_listen(inst, false, out, err) < 0)
		return -1;
	strbuf_addstr(out, "\t\terror_page 502 504 = @failed;\n"
			   "\t\tlocation / {\n"
			   "\t\t\tproxy_pass http://berth_web;\n"
			   "\t\t\tproxy_read_timeout 3600s;\n");
	strbuf_addstr(out, forward_text);
	strbuf_addstr(out, "\t\t}\n\t\tlocation @failed {\n"
			   "\t\t\tcontent_by_lua_block { require(\"pages\").no_panel() }\n\t\t}\n"
			   "\t}\n");
	return 0;
}

static int emit_socket(const struct instance *inst, const char *text, const char *name,
		       struct strbuf *out, struct error *err)
{
	_cleanup_free_ char *path = instance_run(inst, "router/%s", name);
	_cleanup_free_ char *address = xasprintf("unix:%s", path);

	strbuf_addstr(out, text);
	strbuf_addstr(out, "\t\tlisten ");
	if (config_quote(out, address, err) < 0)
		return -1;
	strbuf_addstr(out, ";\n\t}\n");
	return 0;
}

int config_emit(const struct instance *inst, struct strbuf *out, struct error *err)
{
	if (emit_main(inst, out, err) < 0)
		return -1;
	strbuf_addstr(out, "http {\n");
	if (emit_lua(inst, out, err) < 0)
		return -1;
	strbuf_addstr(out, http_text);
	if (emit_front(inst, out, err) < 0 || emit_api(inst, out, err) < 0 ||
	    emit_socket(inst, held_text, "hold.sock", out, err) < 0 ||
	    emit_socket(inst, control_text, "control.sock", out, err) < 0)
		return -1;
	strbuf_addstr(out, "}\n");
	return 0;
}
