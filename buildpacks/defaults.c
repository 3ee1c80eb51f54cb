/* SPDX-License-Identifier: MIT */
#include "buildpacks/defaults.h"

#include <stdbool.h>
#include <yaml.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "instance/name.h"

void defaults_release(struct defaults *r)
{
	strvec_release(&r->types);
	strvec_release(&r->env);
}

/* A scalar's text; NULL when the node is something else or holds a NUL. */
static const char *scalar(yaml_node_t *node)
{
	if (!node || node->type != YAML_SCALAR_NODE)
		return NULL;
	const char *s = (const char *)node->data.scalar.value;
	return strlen(s) == node->data.scalar.length ? s : NULL;
}

static bool has_control(const char *s)
{
	for (; *s; s++)
		if (((unsigned char)*s < 0x20 && *s != '\t') || *s == 0x7f)
			return true;
	return false;
}

static int add_types(struct defaults *r, const char *type, const char *command, struct error *err)
{
	if (name_check_type(type, err) < 0)
		return error_wrap(err, "default_process_types");
	if (!*command || has_control(command))
		return error_set(err, ERROR_INVALID, 0,
				 "default_process_types: '%s' must be a command of one line", type);
	strvec_setenv(&r->types, type, command);
	return 0;
}

static int add_env(struct defaults *r, const char *key, const char *value, struct error *err)
{
	if (name_check_key(key, err) < 0)
		return error_wrap(err, "config_vars");
	strvec_setenv(&r->env, key, value);
	return 0;
}

static int parse_map(yaml_document_t *doc, yaml_node_t *map, const char *name, struct defaults *r,
		     struct error *err)
{
	bool types = str_equal(name, "default_process_types");
	const char *nothing = scalar(map);

	if (nothing && (!*nothing || str_equal(nothing, "null") || str_equal(nothing, "~")))
		return 0;
	if (map->type != YAML_MAPPING_NODE)
		return error_set(err, ERROR_INVALID, 0, "'%s' must be a mapping", name);
	for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
	     p++) {
		const char *key = scalar(yaml_document_get_node(doc, p->key));
		const char *value = scalar(yaml_document_get_node(doc, p->value));
		if (!key || !value)
			return error_set(err, ERROR_INVALID, 0, "'%s' must map names to texts",
					 name);
		if ((types ? add_types : add_env)(r, key, value, err) < 0)
			return -1;
	}
	return 0;
}

static int parse_document(yaml_document_t *doc, struct defaults *r, struct error *err)
{
	yaml_node_t *root = yaml_document_get_root_node(doc);

	if (!root)
		return 0;
	if (root->type == YAML_SCALAR_NODE && root->data.scalar.length == 0)
		return 0;
	if (root->type != YAML_MAPPING_NODE)
		return error_set(err, ERROR_INVALID, 0, "must be a mapping");
	for (yaml_node_pair_t *p = root->data.mapping.pairs.start; p < root->data.mapping.pairs.top;
	     p++) {
		const char *key = scalar(yaml_document_get_node(doc, p->key));
		yaml_node_t *value = yaml_document_get_node(doc, p->value);
		if (!key || !value)
			return error_set(err, ERROR_INVALID, 0, "has a key that is no text");
		if (!str_equal(key, "default_process_types") && !str_equal(key, "config_vars"))
			continue;
		if (parse_map(doc, value, key, r, err) < 0)
			return -1;
	}
	return 0;
}

int defaults_parse(struct defaults *r, const char *text, size_t len, struct error *err)
{
	yaml_parser_t parser;
	yaml_document_t doc;
	int result;

	if (len > DEFAULTS_MAX)
		return error_set(err, ERROR_INVALID, 0, "bin/release: printed more than %u bytes",
				 DEFAULTS_MAX);
	if (!yaml_parser_initialize(&parser))
		return error_set(err, ERROR_FAILED, 0, "bin/release: no YAML parser");
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	if (!yaml_parser_load(&parser, &doc)) {
		result = error_set(err, ERROR_INVALID, 0, "bin/release: line %zu: %s",
				   parser.problem_mark.line + 1,
				   parser.problem ? parser.problem : "is not YAML");
		yaml_parser_delete(&parser);
		return result;
	}
	result = parse_document(&doc, r, err);
	yaml_document_delete(&doc);
	yaml_parser_delete(&parser);
	return result < 0 ? error_wrap(err, "bin/release") : 0;
}
