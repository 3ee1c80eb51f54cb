// SPDX-License-Identifier: MIT
#include "receiver/words.h"

#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"

enum words_quote { QUOTE_NONE, QUOTE_SINGLE, QUOTE_DOUBLE };

struct words_state {
	const char *line;
	size_t len, at;
	enum words_quote quote;
	bool in_word; /* a word has begun, be it empty as in '' */
	struct strbuf word;
	struct strvec *words;
};

static int words_refuse_byte(const struct words_state *s, unsigned char c, struct error *err)
{
	if (c == '\n' || c == '\r')
		return error_set(
			err, ERROR_USAGE, 0,
			"a line break at byte %zu is outside quotes: put the value in quotes",
			s->at + 1);
	return error_set(err, ERROR_USAGE, 0, "control character 0x%02x at byte %zu", c, s->at + 1);
}

static int words_check_byte(const struct words_state *s, unsigned char c, struct error *err)
{
	if (c >= 0x20 && c != 0x7f)
		return 0;
	if (c == '\t' || (c == '\n' && s->quote != QUOTE_NONE))
		return 0;
	return words_refuse_byte(s, c, err);
}

static int words_end(struct words_state *s, struct error *err)
{
	if (!s->in_word)
		return 0;
	if (s->words->n >= WORDS_MAX)
		return error_set(err, ERROR_USAGE, 0, "more than %d words", WORDS_MAX);
	strvec_push(s->words, s->word.data);
	strbuf_reset(&s->word);
	s->in_word = false;
	return 0;
}

static int words_backslash(struct words_state *s, struct error *err)
{
	if (s->at + 1 >= s->len)
		return error_set(err, ERROR_USAGE, 0, "the line ends in a backslash");
	unsigned char next = s->line[s->at + 1];
	s->at++;
	if (words_check_byte(s, next, err))
		return -1;
	s->in_word = true;
	if (s->quote == QUOTE_DOUBLE) {
		if (next == '\n')
			return 0;
		if (next != '"' && next != '\\' && next != '$' && next != '`')
			strbuf_addch(&s->word, '\\');
	}
	strbuf_addch(&s->word, next);
	return 0;
}

static int words_step(struct words_state *s, struct error *err)
{
	unsigned char c = s->line[s->at];

	if (words_check_byte(s, c, err))
		return -1;
	if (s->quote == QUOTE_SINGLE) {
		if (c == '\'')
			s->quote = QUOTE_NONE;
		else
			strbuf_addch(&s->word, c);
		return 0;
	}
	if (c == '\\')
		return words_backslash(s, err);
	if (s->quote == QUOTE_DOUBLE) {
		if (c == '"')
			s->quote = QUOTE_NONE;
		else
			strbuf_addch(&s->word, c);
		return 0;
	}
	if (c == ' ' || c == '\t')
		return words_end(s, err);
	s->in_word = true;
	if (c == '\'')
		s->quote = QUOTE_SINGLE;
	else if (c == '"')
		s->quote = QUOTE_DOUBLE;
	else
		strbuf_addch(&s->word, c);
	return 0;
}

int words_split(const char *line, size_t len, struct strvec *out, struct error *err)
{
	_cleanup_strbuf_ struct strbuf word = STRBUF_INIT;
	_cleanup_strvec_ struct strvec words = STRVEC_INIT;
	struct words_state s = {.line = line, .len = len, .words = &words};
	int ret = 0;

	if (len > WORDS_MAX_BYTES)
		return error_set(err, ERROR_USAGE, 0, "the command is longer than %u bytes",
				 WORDS_MAX_BYTES);
	for (s.word = word; ret == 0 && s.at < len; s.at++)
		ret = words_step(&s, err);
	if (ret == 0 && s.quote != QUOTE_NONE)
		ret = error_set(err, ERROR_USAGE, 0, "a %s quote is not closed",
				s.quote == QUOTE_SINGLE ? "single" : "double");
	if (ret == 0)
		ret = words_end(&s, err);
	word = s.word; /* released here */
	if (ret)
		return -1;
	strvec_push_all(out, words.v);
	return 0;
}

const char *words_tail(const char *line, size_t index)
{
	_cleanup_strvec_ struct strvec words = STRVEC_INIT;
	_cleanup_strbuf_ struct strbuf word = STRBUF_INIT;
	struct words_state s = {.line = line, .len = strlen(line), .words = &words};
	bool before = false;

	for (s.word = word; s.at < s.len; s.at++) {
		const char *here = line + s.at;
		if (words_step(&s, NULL) < 0)
			break;
		if (s.in_word && !before && words.n == index) {
			word = s.word;
			return here;
		}
		before = s.in_word;
	}
	word = s.word;
	return line + s.len;
}
