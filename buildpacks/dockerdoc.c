/* SPDX-License-Identifier: MIT */
#include "buildpacks/dockerdoc.h"

#include <ctype.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"

#define BLANK " \t\r"

struct heredoc {
	size_t length; /* of "3<<-'NAME'" */
	char *name;
	bool strip, quoted;
};

/* Whether the word that begins at S is one for a heredoc, and which. */
static bool find_heredoc(const char *s, struct heredoc *out)
{
	const char *at = s + strspn(s, "0123456789");

	if (!(at = str_skip(at, "<<")) || *at == '<')
		return false;
	out->strip = *at == '-';
	at += out->strip;
	char quote = *at == '\'' || *at == '"' ? *at : '\0';
	at += quote != '\0';
	size_t len = 0;
	while (at[len] == '_' || at[len] == '.' || at[len] == '-' ||
	       isalnum((unsigned char)at[len]))
		len++;
	if (len == 0 || (quote && at[len] != quote))
		return false;
	out->quoted = quote != '\0';
	/* what ends a word for the shell; "1 <<20))" is arithmetic */
	if (!strchr(BLANK ";&|>", at[len + out->quoted]))
		return false;
	out->name = xstrndup(at, len);
	out->length = (size_t)(at - s) + len + out->quoted;
	return true;
}

int dockerdoc_read(struct docker_step *step, struct dockerlines *lines, const char *s, char escape,
		   size_t *out_at, struct error *err)
{
	const char *begin = s;
	bool word = true; /* one begins here */

	for (char quote = '\0'; *s; s++) {
		struct heredoc h = {.name = NULL};
		if (*s == escape && s[1] && quote != '\'') {
			s++;
			word = false;
			continue;
		}
		if (quote || *s == '\'' || *s == '"') {
			quote = !quote ? *s : *s == quote ? '\0' : quote;
		} else if (word && find_heredoc(s, &h)) {
			_cleanup_free_ char *name = h.name;
			_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
			*out_at = (size_t)(s - begin);
			if (dockerlines_heredoc(lines, name, h.strip, &text) < 0)
				return error_set(err, ERROR_INVALID, 0,
						 "no line '%s' ends what begins here", name);
			step->docs =
				xreallocarray(step->docs, step->n_docs + 1, sizeof(*step->docs));
			step->docs[step->n_docs++] = (struct docker_doc){
				TAKE_PTR(name), strbuf_detach(&text), !h.quoted};
			s += h.length - 1;
		}
		word = strchr(BLANK, *s);
	}
	return 0;
}

bool dockerdoc_is(const char *word)
{
	struct heredoc h = {.name = NULL};
	bool is = find_heredoc(word, &h);

	free(h.name);
	return is;
}

void dockerdoc_join(struct docker_step *step)
{
	_cleanup_strbuf_ struct strbuf all = STRBUF_INIT;
	struct heredoc h = {.name = NULL};
	const char *line = step->words.v[0];
	bool alone = step->n_docs == 1 && find_heredoc(line, &h) && !line[h.length];

	free(h.name);
	if (alone) {
		strbuf_addstr(&all, step->docs[0].text);
	} else {
		strbuf_addf(&all, "%s\n", line);
		for (size_t i = 0; i < step->n_docs; i++)
			strbuf_addf(&all, "%s%s\n", step->docs[i].text, step->docs[i].name);
	}
	free(step->words.v[0]);
	step->words.v[0] = strbuf_detach(&all);
}
