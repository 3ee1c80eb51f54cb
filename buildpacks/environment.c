/* SPDX-License-Identifier: MIT */
#include "buildpacks/environment.h"

#include "base/cleanup.h"
#include "base/random.h"
#include "runtime/spec.h"

static const char *const ca_names[] = {
	"SSL_CERT_FILE",      "CURL_CA_BUNDLE",    "NODE_EXTRA_CA_CERTS", "PIP_CERT",
	"REQUESTS_CA_BUNDLE", "npm_config_cafile", "GIT_SSL_CAINFO",
};

/* Where tools have a variable of their own it is that; composer, Maven and cargo read files only,
 * so their packs write what these say there. */
static const struct {
	const char *setting, *variable;
} registries[] = {
	{"npm-registry", "npm_config_registry"},        {"pip-index", "PIP_INDEX_URL"},
	{"gem-source", "BUNDLE_MIRROR__ALL"},           {"go-proxy", "GOPROXY"},
	{"composer-repository", "COMPOSER_REPOSITORY"}, {"maven-mirror", "MAVEN_MIRROR_URL"},
	{"cargo-registry", "CARGO_REGISTRY_INDEX"},
};

void environment_registries(const struct instance *inst, struct strvec *env)
{
	for (size_t i = 0; i < ARRAY_SIZE(registries); i++) {
		const char *url = instance_setting(inst, "packages", registries[i].setting, NULL);
		if (url)
			strvec_setenv(env, registries[i].variable, url);
	}
}

void environment_common(const struct instance *inst, struct strvec *env)
{
	strvec_setenv(env, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	strvec_setenv(env, "LANG", "C.UTF-8");
	for (size_t i = 0; i < ARRAY_SIZE(ca_names); i++)
		strvec_setenv(env, ca_names[i], ENVIRONMENT_CA_BUNDLE);
	environment_registries(inst, env);
}

void environment_step(const struct instance *inst, struct strvec *env)
{
	strvec_setenv(env, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	for (size_t i = 0; i < ARRAY_SIZE(ca_names); i++)
		strvec_setenv(env, ca_names[i], SPEC_STEP_CA);
	environment_registries(inst, env);
}

void environment_build(const struct instance *inst, const char *stack, const char *commit,
		       struct strvec *env)
{
	char id[33];

	environment_common(inst, env);
	random_hex(id, 32);
	strvec_setenv(env, "HOME", "/app");
	strvec_setenv(env, "STACK", stack);
	/* 1980-01-01, the first day that a zip can name: what compilers write as the time of a
	 * build is the same in each (reproducible-builds.org) */
	strvec_setenv(env, "SOURCE_DATE_EPOCH", "315532801");
	strvec_setenv(env, "SOURCE_VERSION", commit ? commit : "");
	strvec_setenv(env, "REQUEST_ID", id);
	strvec_setenv(env, "CURL_CONNECT_TIMEOUT", "30");
	strvec_setenv(env, "CURL_TIMEOUT", "180");
}
