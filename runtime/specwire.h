/* SPDX-License-Identifier: MIT */
/*
 * A container's spec as bytes: bounded (SPEC_ENCODED_MAX), versioned, and checked field by field
 * when decoded (tests/fuzz/spec).
 */
#ifndef RUNTIME_SPECWIRE_H
#define RUNTIME_SPECWIRE_H

#include "base/strbuf.h"
#include "runtime/spec.h"

#define SPEC_VERSION 2
#define SPEC_ENCODED_MAX (2u << 20)

/* Refuses what container_spec_check refuses. */
int container_spec_encode(const struct container_spec *spec, struct strbuf *out, struct error *err);
/* SPEC must be initialised and empty. Refuses anything that container_spec_check refuses,
 * unknown or repeated fields, and trailing bytes. */
int container_spec_decode(struct container_spec *spec, const void *data, size_t len,
			  struct error *err);

#endif
