/* SPDX-License-Identifier: MIT */
#include "base/quote.h"

#include <string.h>

#include "base/cleanup.h"

static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			    "@%_+=:,./-";

static bool is_shells_own(const char *word)
{
	static const char *const own[] = {
		".",       ":",      "alias",   "bg",    "break",    "case",   "cd",
		"command", "do",     "done",    "elif",  "else",     "esac",   "eval",
		"exec",    "exit",   "export",  "fg",    "fi",       "for",    "hash",
		"if",      "jobs",   "local",   "read",  "readonly", "return", "set",
		"shift",   "source", "then",    "time",  "times",    "trap",   "type",
		"ulimit",  "umask",  "unalias", "unset", "until",    "wait",   "while"};

	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (strcmp(word, own[i]) == 0)
			return true;
	return false;
}

static void quote_always(struct strbuf *out, const char *s)
{
	strbuf_addch(out, '\'');
	for (; *s; s++) {
		if (*s == '\'')
			strbuf_addstr(out, "'\\''");
		else
			strbuf_addch(out, *s);
	}
	strbuf_addch(out, '\'');
}

void quote_shell(struct strbuf *out, const char *s)
{
	if (*s && !s[strspn(s, plain)])
		strbuf_addstr(out, s);
	else
		quote_always(out, s);
}

void quote_words(struct strbuf *out, const struct strvec *words)
{
	for (size_t i = 0; i < words->n; i++) {
		const char *word = words->v[i];

		strbuf_addstr(out, i ? " " : "");
		/* a program that is named like a word of the shell's */
		if (i == 0 && (strchr(word, '=') || is_shells_own(word)))
			quote_always(out, word);
		else
			quote_shell(out, word);
	}
}

/* One word from *P on, which it moves past it; false when a shell is needed. */
static bool take_word(const char **p, struct strbuf *word, bool *out_quoted)
{
	const char *s = *p;

	*out_quoted = false;
	while (*s && *s != ' ' && *s != '\t') {
		size_t n = strspn(s, plain);

		strbuf_add(word, s, n);
		s += n;
		if (n)
			continue;
		*out_quoted = true;
		if (*s == '\\' && s[1] && s[1] != '\n') {
			strbuf_addch(word, s[1]);
			s += 2;
		} else if (*s == '\'' || *s == '"') {
			/* in double quotes a shell looks for these three */
			n = strcspn(s + 1, *s == '"' ? "\"$`\\" : "'");
			if (s[1 + n] != *s)
				return false;
			strbuf_add(word, s + 1, n);
			s += n + 2;
		} else {
			return false;
		}
	}
	*p = s;
	return true;
}

bool quote_split(const char *line, struct strvec *out)
{
	_cleanup_strvec_ struct strvec words = STRVEC_INIT;

	for (const char *p = line + strspn(line, " \t"); *p; p += strspn(p, " \t")) {
		_cleanup_strbuf_ struct strbuf word = STRBUF_INIT;
		bool quoted;

		if (!take_word(&p, &word, &quoted))
			return false;
		if (words.n == 0 && !quoted && (strchr(word.data, '=') || is_shells_own(word.data)))
			return false;
		strvec_push(&words, word.data);
	}
	if (words.n == 0 || !*words.v[0])
		return false;
	strvec_push_all(out, words.v);
	return true;
}
