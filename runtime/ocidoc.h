/* SPDX-License-Identifier: MIT */
/*
 * The JSON documents of container images: index, manifest and configuration of the Open Container
 * Initiative's image specification, and the manifest.json of `docker save`. All come from tenants
 * or from the network and are read by user berth only; each reader is bounded and has a fuzz
 * target.
 */
#ifndef RUNTIME_OCIDOC_H
#define RUNTIME_OCIDOC_H

#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/strvec.h"
#include "runtime/digest.h"
#include "runtime/image.h"

#define OCIDOC_MAX_BYTES (8u << 20)
#define OCIDOC_MAX_ITEMS 1024

struct oci_descriptor {
	char digest[DIGEST_SIZE];
	uint64_t size;
	char *media_type;
	char *architecture, *os; /* "" when not said */
	char *name;              /* the annotation that names it in an index; "" */
};

/* An index, or a manifest when has_config: then item 0 is the configuration and the others are the
 * layers, lowest first. */
struct oci_list {
	struct oci_descriptor *items;
	size_t n;
	bool has_config;
};

void oci_list_release(struct oci_list *l);
#define _cleanup_oci_list_ _cleanup_(oci_list_release)

/* OUT is {0}. */
int ocidoc_list(const char *text, size_t len, struct oci_list *out, struct error *err);

/* One image of a docker archive: names of its members. */
struct docker_entry {
	char *config;
	struct strvec layers; /* lowest first */
	struct strvec tags;   /* "redis:7" */
};

void docker_entry_release(struct docker_entry *e);
#define _cleanup_docker_entry_ _cleanup_(docker_entry_release)

/* The one image of a manifest.json, or the one of several that has tag NAME (NULL: there must be
 * one only). OUT is initialised with strvecs. */
int ocidoc_docker(const char *text, size_t len, const char *name, struct docker_entry *out,
		  struct error *err);

/* Fills IM, which is initialised, with all but layers and id, and DIFF_IDS with the digests (hex)
 * of its layers, lowest first. */
int ocidoc_config(const char *text, size_t len, struct image *im, struct strvec *diff_ids,
		  struct error *err);

/* "sha256:HEX" to hex; false for anything else. */
bool ocidoc_digest(const char *s, char out[DIGEST_SIZE]);

/* This machine's architecture as images name it: "amd64", "arm64", ... */
const char *ocidoc_architecture(void);

#endif
