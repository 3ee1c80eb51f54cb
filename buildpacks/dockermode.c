/* SPDX-License-Identifier: MIT */
#include "buildpacks/dockermode.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define OCTAL "01234567"
#define UMASK 022
#define READ (S_IRUSR | S_IRGRP | S_IROTH)
#define WRITE (S_IWUSR | S_IWGRP | S_IWOTH)
#define EXECUTE (S_IXUSR | S_IXGRP | S_IXOTH)
#define SET_IDS (S_ISUID | S_ISGID)

struct word {
	const char *text, *at;
	mode_t mode;
	bool folder;
	const char *wrong;
};

/* "ugoa": whose bits are meant; 0 for nobody. */
static mode_t take_who(struct word *w)
{
	mode_t who = 0;

	for (;; w->at++) {
		if (*w->at == 'u')
			who |= S_ISUID | S_IRWXU;
		else if (*w->at == 'g')
			who |= S_ISGID | S_IRWXG;
		else if (*w->at == 'o')
			who |= S_ISVTX | S_IRWXO;
		else if (*w->at == 'a')
			who |= 07777;
		else
			return who;
	}
}

/* The bits that somebody has, for everybody. */
static mode_t copied(mode_t mode, char from)
{
	mode_t bits = from == 'u' ? mode >> 6 : from == 'g' ? mode >> 3 : mode;

	return (bits & S_IRWXO) * (S_IXUSR | S_IXGRP | S_IXOTH);
}

/* "rwxXst", or one of "ugo": the bits for all; *OUT_SAID those that it names. */
static mode_t take_bits(struct word *w, mode_t *out_said)
{
	mode_t bits = 0;

	if (*w->at && strchr("ugo", *w->at))
		return *out_said = copied(w->mode, *w->at++);
	*out_said = 0;
	for (;; w->at++) {
		if (*w->at == 'r')
			bits |= READ;
		else if (*w->at == 'w')
			bits |= WRITE;
		else if (*w->at == 'x')
			bits |= EXECUTE;
		else if (*w->at == 'X')
			bits |= w->folder || (w->mode & EXECUTE) ? EXECUTE : 0;
		else if (*w->at == 's')
			bits |= SET_IDS;
		else if (*w->at == 't')
			bits |= S_ISVTX;
		else
			return *out_said = bits;
	}
}

/* One "+x", "-w" or "=rX". */
static void take_action(struct word *w, mode_t who)
{
	char action = *w->at++;
	mode_t said, bits = take_bits(w, &said);
	/* of a folder these two change only by their names */
	mode_t kept = w->folder ? SET_IDS & ~said : 0;

	bits &= (who ? who : (mode_t)~UMASK) & ~kept;
	if (action == '-')
		w->mode &= ~bits;
	else if (action == '+')
		w->mode |= bits;
	else
		w->mode = (w->mode & ((who ? ~who : 0) | kept)) | bits;
}

static void take_clause(struct word *w)
{
	mode_t who = take_who(w);

	if (!*w->at || !strchr("+-=", *w->at)) {
		w->wrong = "expected '+', '-' or '=' in a mode such as u+x";
		return;
	}
	while (*w->at && strchr("+-=", *w->at))
		take_action(w, who);
	if (*w->at && *w->at != ',')
		w->wrong = "expected one of 'rwxXst' or of 'ugo' in a mode such as a=rX,u+w";
}

static void take_number(struct word *w)
{
	size_t digits = strspn(w->text, OCTAL);

	if (digits > 4 || w->text[digits]) {
		w->at = w->text + (digits < 4 ? digits : 4);
		w->wrong = "a number has at most four octal digits, such as 755";
		return;
	}
	w->mode = (mode_t)strtoul(w->text, NULL, 8);
}

static void take(struct word *w)
{
	if (*w->text >= '0' && *w->text <= '9') {
		take_number(w);
		return;
	}
	do {
		take_clause(w);
	} while (!w->wrong && *w->at == ',' && w->at++);
}

const char *docker_mode_check(const char *text, size_t *out_at)
{
	struct word w = {.text = text, .at = text};

	take(&w);
	if (w.wrong)
		*out_at = (size_t)(w.at - text);
	return w.wrong;
}

mode_t docker_mode_apply(const char *text, mode_t mode, bool folder)
{
	struct word w = {.text = text, .at = text, .mode = mode & 07777, .folder = folder};

	take(&w);
	return w.mode;
}
