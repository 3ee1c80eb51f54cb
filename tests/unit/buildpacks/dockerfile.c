/* SPDX-License-Identifier: MIT */
#include "buildpacks/dockerfile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/strbuf.h"
#include "buildpacks/dockerconfig.h"
#include "buildpacks/dockerdoc.h"
#include "buildpacks/dockerglob.h"
#include "buildpacks/dockerignore.h"
#include "buildpacks/dockermount.h"
#include "buildpacks/dockersource.h"
#include "buildpacks/dockervar.h"
#include "buildpacks/imagework.h"

static void good(struct dockerfile *f, const char *text)
{
	struct error err = ERROR_INIT;

	dockerfile_init(f);
	if (dockerfile_parse(f, text, strlen(text), &err) < 0)
		fail_msg("'%s': %s", text, err.message);
}

static void bad(const char *text, const char *part)
{
	_cleanup_dockerfile_ struct dockerfile f;
	struct error err = ERROR_INIT;

	dockerfile_init(&f);
	assert_int_equal(dockerfile_parse(&f, text, strlen(text), &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	assert_int_equal(f.n_stages, 0);
	if (!strstr(err.message, part))
		fail_msg("'%s' is not in '%s'", part, err.message);
}

static void is_words(const struct docker_step *step, size_t n, ...)
{
	va_list ap;

	va_start(ap, n);
	assert_int_equal(step->words.n, n);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(step->words.v[i], va_arg(ap, const char *));
	va_end(ap);
}

static void test_stages(void **state)
{
	_cleanup_dockerfile_ struct dockerfile f;
	(void)state;
	good(&f, "# syntax=docker/dockerfile:1\nARG V=12\nfrom --platform=linux/amd64 debian:$V as "
		 "Base\nRUN a\nFROM base\nCOPY --from=0 /a /b\nFROM x@sha256:0123 AS last\n");
	assert_int_equal(f.n_args, 1);
	is_words(&f.args[0], 1, "V=12");
	assert_int_equal(f.n_stages, 3);
	assert_string_equal(f.stages[0].name, "base");
	assert_string_equal(f.stages[0].from.words.v[0], "debian:$V");
	assert_string_equal(docker_step_option(&f.stages[0].from, "platform"), "linux/amd64");
	assert_int_equal(f.stages[1].steps[0].line, 6);
	assert_int_equal(dockerfile_stage(&f, "BASE", 1, false), 0);
	assert_int_equal(dockerfile_stage(&f, "last", 2, false), -1);
	assert_int_equal(dockerfile_stage(&f, "1", 2, true), 1);
	assert_int_equal(dockerfile_stage(&f, "1", 2, false), -1);
}

static void test_from(void **state)
{
	_cleanup_dockerfile_ struct dockerfile f;
	struct error err = ERROR_INIT;
	long stage = 7;
	(void)state;
	good(&f, "FROM a AS a\nFROM b AS b\nFROM c\n");
	assert_int_equal(dockerfile_from(&f, "A", 1, &stage, &err), 0);
	assert_int_equal(stage, 0);
	assert_int_equal(dockerfile_from(&f, "0", 2, &stage, &err), 0);
	assert_int_equal(stage, 0);
	/* an image, even one that is called as a later stage */
	assert_int_equal(dockerfile_from(&f, "b", 0, &stage, &err), 0);
	assert_int_equal(stage, -1);
	assert_int_equal(dockerfile_from(&f, "1", 1, &stage, &err), -1);
	assert_string_equal(err.message, "no stage before this one is '1'");
	assert_int_equal(dockerfile_from(&f, "5", 2, &stage, &err), -1);
	assert_int_equal(dockerfile_from(&f, "B", 1, &stage, &err), -1);
	assert_int_equal(stage, -1);
}

static void test_lines(void **state)
{
	_cleanup_dockerfile_ struct dockerfile f, doubled, back;
	(void)state;
	good(&f, "FROM x\r\nRUN a \\\r\n  # no\r\n\r\n   && b \\  \n && c\nENV A=1 \\\n  B=2\n");
	is_words(&f.stages[0].steps[0], 1, "a    && b  && c");
	assert_int_equal(f.stages[0].steps[0].line, 2);
	is_words(&f.stages[0].steps[1], 2, "A=1", "B=2");
	/* a doubled escape is a character */
	good(&doubled, "FROM x\nENV A=x\\\\\nENV B=y\\\\  \nRUN c \\\n \\\n d\n");
	assert_int_equal(doubled.stages[0].n_steps, 3);
	is_words(&doubled.stages[0].steps[0], 1, "A=x\\\\");
	is_words(&doubled.stages[0].steps[1], 1, "B=y\\\\");
	is_words(&doubled.stages[0].steps[2], 1, "c   d");
	good(&back, "# escape=`\nFROM x\nRUN a \\`\n d\n");
	assert_int_equal(back.escape, '`');
	is_words(&back.stages[0].steps[0], 1, "a \\ d");
}

static void test_forms(void **state)
{
	_cleanup_dockerfile_ struct dockerfile f;
	(void)state;
	good(&f, "FROM x\nCMD [\"a b\", \"c\"]\nCMD [not json\nENTRYPOINT exec top -b\n"
		 "ENV A the  rest\nENV B=\"x y\" C='$z'\nCOPY [\"a b\", \"/c\"]\n"
		 "HEALTHCHECK --interval=3s CMD curl x\nhealthcheck none\nARG P Q=1\n"
		 "LABEL \"a b\"=c\nMAINTAINER Me <me@example.org>\nVOLUME /a /b\n"
		 "SHELL [\"/bin/bash\", \"-c\"]\nONBUILD COPY . /app\n"
		 "EXPOSE $P 80/UDP \"$Q\" 8000-8010\nSTOPSIGNAL ${S:-FOO}\n");
	const struct docker_step *s = f.stages[0].steps;
	assert_true(s[0].exec);
	is_words(&s[0], 2, "a b", "c");
	assert_false(s[1].exec);
	is_words(&s[1], 1, "[not json");
	is_words(&s[2], 1, "exec top -b");
	is_words(&s[3], 1, "A=the  rest");
	is_words(&s[4], 2, "B=\"x y\"", "C='$z'");
	is_words(&s[5], 2, "a b", "/c");
	assert_string_equal(docker_step_option(&s[6], "interval"), "3s");
	is_words(&s[6], 1, "curl x");
	is_words(&s[7], 1, "NONE");
	is_words(&s[8], 2, "P", "Q=1");
	is_words(&s[13], 1, "COPY . /app");
	is_words(&s[14], 4, "$P", "80/UDP", "\"$Q\"", "8000-8010");
}

/* What a child of the image then does: STEP is its ONBUILD. */
static void is_trigger(const struct docker_step *step, const char *text, const char *word,
		       size_t n_docs)
{
	_cleanup_docker_step_ struct docker_step inner = DOCKER_STEP_INIT;
	struct error err = ERROR_INIT;

	is_words(step, 1, text);
	if (docker_step_trigger(step->words.v[0], &inner, &err) < 0)
		fail_msg("'%s': %s", text, err.message);
	assert_string_equal(inner.words.v[0], word);
	assert_null(strchr(inner.text, '\n'));
	assert_int_equal(inner.n_docs, n_docs);
}

static void test_heredocs(void **state)
{
	_cleanup_dockerfile_ struct dockerfile f;
	(void)state;
	good(&f, "FROM x\nRUN <<EOF\necho a\n# kept\nEOF\nRUN cat <<-X >y && z\n\tb\n\tX\n"
		 "COPY <<one <<-'two' /d/\n$a\none\n\t$b\ntwo\nRUN cat <<<word\nRUN d\n"
		 "RUN echo $((1<<20)) $((1 <<20)) $((1 << 2)) a<<b <<c<<d \\ <<e\n"
		 "RUN cat 0<<E; e\nx\nE\n"
		 "ONBUILD RUN <<E\n\techo a\nE\nONBUILD COPY <<-a <<'b' /x/\n\t1\n\ta\nb\n");
	const struct docker_step *s = f.stages[0].steps;
	assert_int_equal(f.stages[0].n_steps, 9);
	is_words(&s[0], 1, "echo a\n# kept\n");
	is_words(&s[1], 1, "cat <<-X >y && z\nb\nX\n");
	assert_int_equal(s[2].n_docs, 2);
	assert_string_equal(s[2].docs[0].text, "$a\n");
	assert_true(s[2].docs[0].expand);
	assert_string_equal(s[2].docs[1].name, "two");
	assert_string_equal(s[2].docs[1].text, "$b\n");
	assert_false(s[2].docs[1].expand);
	is_words(&s[3], 1, "cat <<<word");
	is_words(&s[4], 1, "d");
	/* what is in a word, or no whole one, is the shell's alone */
	is_words(&s[5], 1, "echo $((1<<20)) $((1 <<20)) $((1 << 2)) a<<b <<c<<d \\ <<e");
	is_words(&s[6], 1, "cat 0<<E; e\nx\nE\n");
	is_trigger(&s[7], "RUN <<E\n\techo a\nE", "\techo a\n", 1);
	is_trigger(&s[8], "COPY <<-a <<'b' /x/\n1\na\nb", "<<-a", 2);
	assert_true(dockerdoc_is("<<-'a.b'"));
	assert_false(dockerdoc_is("a<<b"));
}

static void test_errors(void **state)
{
	(void)state;
	bad("", "there is no FROM");
	bad("RUN a\nFROM x\n", "line 1, column 1: only ARG may come before FROM, not RUN");
	bad("FROM x\n\n  RUNN a\n", "line 3, column 3: unknown instruction 'RUNN'");
	bad("FROM x\nRUN\n", "line 2, column 1: RUN needs an argument");
	bad("FROM x\nCOPY a\n", "line 2, column 6: COPY needs a source and a destination");
	bad("FROM x\nCOPY a b c\n", "must end in /");
	bad("FROM x\nCOPY --form=y a b\n", "line 2, column 6: COPY knows no option '--form'");
	bad("FROM x\nCOPY --from a b\n", "needs a value");
	bad("FROM x\nENV A=1 \\\n  B\n", "line 3, column 3: expected KEY=VALUE, not 'B'");
	bad("FROM x\nENV A=\"b\n", "line 2, column 7: the quote has no end");
	bad("FROM x\nCOPY --chmod=888 a b\n",
	    "line 2, column 14: --chmod: a number has at most four");
	bad("FROM x\nCOPY --chmod=07555 a b\n", "line 2, column 18: --chmod: a number has at most");
	bad("FROM x\nADD --chmod=u+x,x a b\n",
	    "line 2, column 17: --chmod: expected '+', '-' or '='");
	bad("FROM x\nCOPY --chmod=u+q a b\n",
	    "line 2, column 16: --chmod: expected one of 'rwxXst'");
	bad("FROM x\nCOPY --chmod=u+x, a b\n", "line 2, column 18: --chmod: expected '+'");
	bad("FROM x\nCOPY --chmod=rwxr-xr-x a b\n", "line 2, column 14: --chmod: expected '+'");
	bad("FROM x\nENV A=1 B=${C\n", "line 2, column 11: '${' has no '}'");
	bad("FROM x\nENV A=${B!c}\n", "expected one of }");
	bad("FROM x\nENV A=${B%c\n", "line 2, column 7: '${' has no '}'");
	bad("FROM x\nENV A=${B/c}\n", "line 2, column 7: '${' has no second '/'");
	bad("FROM x AS 1a\n", "line 1, column 11: '1a' is no name of a stage");
	bad("FROM x y\n", "expected 'FROM IMAGE'");
	bad("FROM x AS a\nFROM y AS A\n", "line 2, column 1: a stage 'a' is there already");
	bad("FROM x\nSHELL bash\n", "SHELL needs a list");
	bad("FROM x\nONBUILD FROM y\n", "FROM may not follow ONBUILD");
	bad("FROM x\nONBUILD RUNN y\n", "line 2, column 9: unknown instruction 'RUNN'");
	bad("FROM x\nRUN <<A\nb\n", "line 2, column 5: no line 'A' ends");
	bad("FROM x\nRUN --mount=type=ssh a\n", "not 'ssh'");
	bad("FROM x\nRUN --mount=type=cache a\n", "needs target=PATH");
	bad("FROM x\nRUN --security=insecure a\n", "no privileges");
	bad("FROM x\nADD --checksum=sha256:0 a b\n",
	    "line 2, column 25: --checksum is for what comes from the network");
	bad("FROM x\nADD git@example.org:a/b.git file /b/\n", "line 2, column 5: ADD takes a repo");
	bad("FROM x\nADD --keep-git-dir ssh://git@example.org/a /b\n",
	    "line 2, column 20: --keep-git-dir is not for a repository over ssh");
	bad("FROM x\nADD --parents a b\n", "ADD knows no option '--parents'");
	bad("FROM x\nHEALTHCHECK curl\n", "expected 'HEALTHCHECK CMD");
	bad("FROM x\nEXPOSE 80 abc\n", "line 2, column 11: EXPOSE takes a port");
	bad("FROM x\nEXPOSE 80:80\n", "line 2, column 8: EXPOSE takes a port");
	bad("FROM x\nEXPOSE 80/icmp\n", "not '80/icmp'");
	bad("FROM x\nHEALTHCHECK --interval=zz CMD a\n",
	    "line 2, column 13: HEALTHCHECK --interval: a time is written as");
	bad("FROM x\nHEALTHCHECK --retries=-1 CMD a\n", "column 13: HEALTHCHECK --retries=-1");
	bad("FROM x\nRUN a\nSTOPSIGNAL FOO\n", "line 3, column 12: STOPSIGNAL: no signal 'FOO'");
	bad("FROM x\nONBUILD EXPOSE a\n", "line 2, column 16: EXPOSE takes a port");
	bad("# escape=x\nFROM x\n", "the escape character is");
}

static void test_sources(void **state)
{
	static const char *const ssh[] = {"git@example.org:a/b.git", "ssh://git@example.org/a",
					  "me@host:~/repo#main:docs"};
	static const char *const others[] = {
		"a",    "a:b",     "a@b",         "dir/a@b:c",
		"@b:c", "a@b/c:d", "a#me@host:b", "https://me@example.org:1/a.git"};
	char *url, *ref, *folder;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ssh); i++)
		if (!docker_source_is_ssh(ssh[i]))
			fail_msg("'%s' is not taken for one", ssh[i]);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (docker_source_is_ssh(others[i]))
			fail_msg("'%s' is taken for one", others[i]);
	docker_source_split(ssh[2], &url, &ref, &folder);
	assert_string_equal(url, "me@host:~/repo");
	assert_string_equal(ref, "main");
	assert_string_equal(folder, "docs");
	free(url);
	free(ref);
	free(folder);
	docker_source_split(ssh[1], &url, &ref, &folder);
	assert_string_equal(url, ssh[1]);
	assert_string_equal(ref, "");
	assert_string_equal(folder, "");
	free(url);
	free(ref);
	free(folder);
}

static void test_limits(void **state)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	struct error err = ERROR_INIT;
	_cleanup_dockerfile_ struct dockerfile f;
	(void)state;
	strbuf_addstr(&sb, "FROM x\n");
	for (int i = 0; i < DOCKERFILE_STEPS_MAX; i++)
		strbuf_addstr(&sb, "RUN a\n");
	bad(sb.data, "line 2001: more than 2000 instructions");
	strbuf_reset(&sb);
	for (int i = 0; i <= DOCKERFILE_STAGES_MAX; i++)
		strbuf_addstr(&sb, "FROM x\n");
	bad(sb.data, "more than 200 stages");
	dockerfile_init(&f);
	assert_int_equal(dockerfile_parse(&f, "FROM x\nRUN \0a\n", 14, &err), -1);
	assert_non_null(strstr(err.message, "line 2: has a NUL byte"));
}

static void expand(const char *word, const char *expected)
{
	_cleanup_strvec_ struct strvec vars = STRVEC_INIT;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct dockervar how = {.vars = &vars, .escape = '\\'};
	struct error err = ERROR_INIT;
	size_t at;

	strvec_push(&vars, "a=1");
	strvec_push(&vars, "e=");
	strvec_push(&vars, "v=v1.2.3-rc.1");
	strvec_push(&vars, "s=a*b?c");
	if (dockervar_expand(&how, word, &out, &at, &err) < 0)
		fail_msg("'%s': %s", word, err.message);
	assert_string_equal(out.data, expected);
}

static void test_variables(void **state)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct dockervar how = {.escape = '\\'};
	struct error err = ERROR_INIT;
	size_t at;
	(void)state;
	expand("x$a-${a}y", "x1-1y");
	expand("'$a' \"$a\" \\$a \\a", "$a 1 $a a");
	expand("${a:-x}${b:-x y}${b:-${a}}${e:-z}${e-z}", "1x y1z");
	expand("${a:+x}${b:+x}${e:+y}${e+y}", "xy");
	expand("\"a \\\"b\\\" \\n\"", "a \"b\" \\n");
	expand("${v#v} ${v#*.} ${v##*.} ${v#x} ${v#} ${e#*}", "1.2.3-rc.1 2.3-rc.1 1 v1.2.3-rc.1 "
							      "v1.2.3-rc.1 ");
	expand("${v%.*} ${v%%.*} ${v%%-*}${v%x} ${v%%*}", "v1.2.3-rc v1 v1.2.3v1.2.3-rc.1 ");
	expand("${v/./_} ${v//./_} ${v/v/} ${v/1*3/x} ${v//?/x}${u/a/b}",
	       "v1_2.3-rc.1 v1_2_3-rc_1 1.2.3-rc.1 vx-rc.1 xxxxxxxxxxx");
	expand("${s#a\\*} ${s%\\?c} ${s/\\*/${a}/} ${s//'*'/x}", "b?c a*b a1/b?c x");
	expand("\"${v%%-*}\"", "v1.2.3");
	expand("$", "$");
	expand("$1", "$1");
	assert_int_equal(dockervar_expand(&how, "ab${c:?say it}", &out, &at, &err), -1);
	assert_string_equal(err.message, "variable 'c': say it");
	assert_int_equal(at, 2);
	assert_int_equal(dockervar_word("a='b c' d", '\\'), 7);
	assert_int_equal(dockervar_word("a\\ b c", '\\'), 4);
}

static void test_split(void **state)
{
	struct imagework w = {.f.escape = '\\'};
	_cleanup_dockerfile_ struct dockerfile f;
	_cleanup_strvec_ struct strvec vars = STRVEC_INIT, ports = STRVEC_INIT,
				       folder = STRVEC_INIT;
	struct error err = ERROR_INIT;
	(void)state;
	good(&f, "FROM x\nEXPOSE 1 $P $NONE 2\nWORKDIR $P\n");
	strvec_push(&vars, "P=8080 8443/udp ");
	const struct docker_step *s = f.stages[0].steps;
	assert_int_equal(imagework_words(&w, &s[0], &vars, &ports, &err), 0);
	assert_int_equal(ports.n, 4);
	assert_string_equal(ports.v[1], "8080");
	assert_string_equal(ports.v[2], "8443/udp");
	assert_string_equal(ports.v[3], "2");
	/* one word of anything else stays one */
	assert_int_equal(imagework_words(&w, &s[1], &vars, &folder, &err), 0);
	assert_int_equal(folder.n, 1);
}

/* What a tenant wrote costs no more than its bounded size. */
static void test_globs(void **state)
{
	_cleanup_strbuf_ struct strbuf value = STRBUF_INIT, pattern = STRBUF_INIT,
				       out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	(void)state;
	for (size_t i = 0; i < DOCKERGLOB_VALUE_MAX; i++)
		strbuf_addch(&value, 'a');
	for (size_t i = 0; i < DOCKERGLOB_PATTERN_MAX / 2 - 1; i++)
		strbuf_addstr(&pattern, "*a");
	strbuf_addch(&pattern, 'b');
	assert_int_equal(dockerglob_replace(value.data, pattern.data, "", true, &out, &err), 0);
	assert_int_equal(out.len, DOCKERGLOB_VALUE_MAX);
	strbuf_addstr(&pattern, "cc");
	assert_int_equal(dockerglob_trim("a", pattern.data, true, true, &out, &err), -1);
	assert_non_null(strstr(err.message, "at most 256 characters"));
	error_clear(&err);
	strbuf_addch(&value, 'a');
	assert_int_equal(dockerglob_trim(value.data, "a", true, true, &out, &err), -1);
	assert_non_null(strstr(err.message, "at most 65536 bytes"));
}

static void test_mounts(void **state)
{
	_cleanup_docker_mount_ struct docker_mount m = {0};
	struct error err = ERROR_INIT;
	(void)state;
	assert_int_equal(docker_mount_parse(&m, "type=secret,id=k,required,env=K", &err), 0);
	assert_int_equal(m.type, DOCKER_MOUNT_SECRET);
	assert_string_equal(m.id, "k");
	assert_string_equal(m.env, "K");
	assert_true(m.required);
	docker_mount_release(&m);
	assert_int_equal(docker_mount_parse(&m, "source=a,target=/b,ro", &err), 0);
	assert_int_equal(m.type, DOCKER_MOUNT_BIND);
	docker_mount_release(&m);
	assert_int_equal(docker_mount_parse(&m, "target=/b,bogus=1", &err), -1);
	assert_string_equal(err.message, "--mount knows no 'bogus'");
	docker_mount_release(&m);
	assert_int_equal(
		docker_mount_parse(&m, "type=cache,target=/c,sharing=locked,uid=10,gid=0,mode=0700",
				   &err),
		0);
	assert_int_equal(m.sharing, DOCKER_LOCKED);
	assert_true(m.owned);
	assert_int_equal(m.uid, 10);
	assert_int_equal(m.mode, 0700);
	docker_mount_release(&m);
	assert_int_equal(docker_mount_parse(&m, "type=secret,target=/root/.npmrc", &err), 0);
	assert_string_equal(m.id, ".npmrc");
	static const char *const bad[] = {
		"type=cache,target=/c,sharing=some",  "type=cache,target=/c,uid=-1",
		"type=cache,target=/c,gid=65536",     "type=cache,target=/c,mode=08",
		"type=cache,target=/c,mode=10000",    "type=cache,target=/c,uid=",
		"type=cache,target=/c,from=debian-12"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		docker_mount_release(&m);
		assert_int_equal(docker_mount_parse(&m, bad[i], &err), -1);
	}
}

static void test_patterns(void **state)
{
	static const struct {
		const char *pattern, *path;
		bool fits;
	} rows[] = {
		{"*.md", "a.md", true},      {"*.md", "x/a.md", false},
		{"**/*.md", "a.md", true},   {"**/*.md", "x/y/a.md", true},
		{"a/**", "a/b/c", true},     {"a/**", "b/a", false},
		{"a**c", "a/b/c", true},     {"a/**/c", "a/c", true},
		{"a/**/c", "a/b/b/c", true}, {"a/**/c", "a/bc", false},
		{"?", "/", false},           {"a?c", "abc", true},
		{"[a-c]x", "bx", true},      {"[^a-c]x", "bx", false},
		{"[a", "[a", true},          {"\\*", "*", true},
		{"\\*", "a", false},         {"**", "any/thing", true},
		{"a", "a/b", false},         {"*", "a", true},
		{"*a*b", "xaxb/ab", false},  {"*/*", "a/b", true},
		{"*/*", "a/b/c", false},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (dockerignore_match(rows[i].pattern, rows[i].path, false) != rows[i].fits)
			fail_msg("'%s' and '%s'", rows[i].pattern, rows[i].path);
	assert_true(dockerignore_match("a", "a/b/c", true));
	assert_false(dockerignore_match("a", "ab/c", true));
}

static void test_ignore(void **state)
{
	_cleanup_dockerignore_ struct dockerignore ignore = DOCKERIGNORE_INIT;
	static const char text[] = "# comment\n\n*.md\n!README.md\n /node_modules/ \n**/*.o\n"
				   "./a/../b\n";
	struct error err = ERROR_INIT;
	(void)state;
	assert_int_equal(dockerignore_parse(&ignore, text, strlen(text), &err), 0);
	assert_true(ignore.takes_back);
	assert_int_equal(ignore.patterns.n, 5);
	assert_true(dockerignore_has(&ignore, "x.md"));
	assert_false(dockerignore_has(&ignore, "README.md"));
	assert_true(dockerignore_has(&ignore, "node_modules/x/y.js"));
	assert_false(dockerignore_has(&ignore, "x/node_modules/y"));
	assert_true(dockerignore_has(&ignore, "src/deep/a.o"));
	assert_true(dockerignore_has(&ignore, "b"));
	assert_false(dockerignore_has(&ignore, "a"));
	assert_int_equal(dockerignore_parse(&ignore, "a\n!\n", 4, &err), -1);
	assert_string_equal(err.message, "line 2: '!' has no pattern");
	/* cleaned first, as Docker does */
	dockerignore_release(&ignore);
	assert_int_equal(dockerignore_parse(&ignore, "*\n//!a\n", 7, &err), 0);
	assert_true(ignore.takes_back);
	assert_false(dockerignore_has(&ignore, "a"));
	assert_int_equal(dockerignore_parse(&ignore, "/!\n", 3, &err), -1);
}

static void test_paths(void **state)
{
	static const char *const rows[][3] = {
		{NULL, "a/b", "/a/b"},  {"", "a", "/a"},      {"/", "a", "/a"},
		{"/x", "./a/", "/x/a"}, {"/x", "../..", "/"}, {"/x", "/a//b", "/a/b"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *path = dockerconfig_path(rows[i][0], rows[i][1]);
		assert_string_equal(path, rows[i][2]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stages),   cmocka_unit_test(test_lines),
		cmocka_unit_test(test_forms),    cmocka_unit_test(test_heredocs),
		cmocka_unit_test(test_errors),   cmocka_unit_test(test_sources),
		cmocka_unit_test(test_limits),   cmocka_unit_test(test_variables),
		cmocka_unit_test(test_globs),    cmocka_unit_test(test_mounts),
		cmocka_unit_test(test_patterns), cmocka_unit_test(test_ignore),
		cmocka_unit_test(test_paths),    cmocka_unit_test(test_split),
		cmocka_unit_test(test_from),
	};
	return cmocka_run_group_tests_name("dockerfile", tests, NULL, NULL);
}
