/* SPDX-License-Identifier: MIT */
#include "instance/name.h"

#include <string.h>

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Every byte of S is a letter (lower, and upper when UPPER), a digit or in EXTRA. */
static bool only(const char *s, bool upper, const char *extra)
{
	for (; *s; s++)
		if (!is_lower(*s) && !is_digit(*s) && !(upper && is_upper(*s)) &&
		    !strchr(extra, *s))
			return false;
	return true;
}

static bool ends_with(const char *s, const char *end)
{
	size_t a = strlen(s), b = strlen(end);
	return a >= b && strcmp(s + a - b, end) == 0;
}

int name_check_app(const char *s, struct error *err)
{
	size_t len = strlen(s);
	if (len == 0)
		return error_set(err, ERROR_INVALID, 0, "an app name is missing");
	if (len > NAME_APP_MAX)
		return error_set(err, ERROR_INVALID, 0,
				 "app name '%.40s...' is longer than %d characters", s,
				 NAME_APP_MAX);
	if (!only(s, false, "-.") || !(is_lower(*s) || is_digit(*s)))
		return error_set(err, ERROR_INVALID, 0,
				 "app name '%s' is not valid: use lower-case letters, digits, '-' "
				 "and '.', starting with a letter or digit",
				 s);
	if (strstr(s, "..") || s[len - 1] == '.' || s[len - 1] == '-' || ends_with(s, ".git"))
		return error_set(err, ERROR_INVALID, 0,
				 "app name '%s' is not valid: it may not contain '..' or end with "
				 "'.', '-' or '.git'",
				 s);
	return 0;
}

int name_check_type(const char *s, struct error *err)
{
	size_t len = strlen(s);
	if (len == 0 || len > NAME_TYPE_MAX || !only(s, true, "-_"))
		return error_set(err, ERROR_INVALID, 0,
				 "process type '%.80s' is not valid: use up to %d letters, digits, "
				 "'-' and '_'",
				 s, NAME_TYPE_MAX);
	return 0;
}

int name_check_key(const char *s, struct error *err)
{
	size_t len = strlen(s);
	if (len == 0 || len > NAME_KEY_MAX || !only(s, true, "_") || is_digit(*s))
		return error_set(err, ERROR_INVALID, 0,
				 "config key '%.80s' is not valid: use letters, digits and '_', "
				 "not starting with a digit",
				 s);
	return 0;
}

int name_check_domain(const char *s, struct error *err)
{
	const char *p = s;
	if (strncmp(p, "*.", 2) == 0)
		p += 2;
	size_t len = strlen(p);
	bool good = len > 0 && len <= NAME_DOMAIN_MAX && only(p, false, "-.");
	while (good) {
		size_t label = strcspn(p, ".");
		if (label == 0 || label > 63 || p[0] == '-' || p[label - 1] == '-')
			good = false;
		p += label;
		if (!*p)
			break;
		p++;
	}
	if (!good)
		return error_set(err, ERROR_INVALID, 0,
				 "domain '%.80s' is not a host name: labels of letters, digits and "
				 "'-', such as 'app.example.com' or '*.example.com'",
				 s);
	return 0;
}

int name_check_label(const char *s, struct error *err)
{
	size_t len = strlen(s);
	if (len == 0 || len > NAME_ID_MAX || !only(s, true, "._@-") || strchr("._@-", *s))
		return error_set(err, ERROR_INVALID, 0,
				 "name '%.80s' is not valid: use letters, digits, '.', '_', '@' "
				 "and '-', starting with a letter or digit",
				 s);
	return 0;
}

bool name_is_id(const char *s)
{
	size_t len = strlen(s);
	return len > 0 && len <= NAME_ID_MAX && only(s, false, "._-") &&
	       (is_lower(*s) || is_digit(*s)) && !strstr(s, "..");
}
