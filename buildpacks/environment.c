/* SPDX-License-Identifier: MIT */
#include "buildpacks/environment.h"

#include "base/cleanup.h"
#include "base/random.h"

static const char *const ca_names[] = {
	"SSL_CERT_FILE",      "CURL_CA_BUNDLE",    "NODE_EXTRA_CA_CERTS", "PIP_CERT",
	"REQUESTS_CA_BUNDLE", "npm_config_cafile", "GIT_SSL_CAINFO",
};

void environment_common(const struct instance *inst, struct strvec *env)
{
	const char *npm = instance_setting(inst, "packages", "npm-registry", NULL);
	const char *pip = instance_setting(inst, "packages", "pip-index", NULL);

	strvec_setenv(env, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	strvec_setenv(env, "LANG", "C.UTF-8");
	for (size_t i = 0; i < ARRAY_SIZE(ca_names); i++)
		strvec_setenv(env, ca_names[i], ENVIRONMENT_CA_BUNDLE);
	if (npm)
		strvec_setenv(env, "npm_config_registry", npm);
	if (pip)
		strvec_setenv(env, "PIP_INDEX_URL", pip);
}

void environment_build(const struct instance *inst, const char *stack, const char *commit,
		       struct strvec *env)
{
	char id[33];

	environment_common(inst, env);
	random_hex(id, 32);
	strvec_setenv(env, "HOME", "/app");
	strvec_setenv(env, "STACK", stack);
	strvec_setenv(env, "SOURCE_VERSION", commit ? commit : "");
	strvec_setenv(env, "REQUEST_ID", id);
	strvec_setenv(env, "CURL_CONNECT_TIMEOUT", "30");
	strvec_setenv(env, "CURL_TIMEOUT", "180");
}
