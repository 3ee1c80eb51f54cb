/* SPDX-License-Identifier: MIT */
/*
 * Log lines of the daemons: one line each, "<N>message" with syslog's priority for journald when
 * stderr is its socket (sd-daemon(3)), otherwise "TIME NAME: message". Only daemons log; commands
 * answer their user. Control characters are made visible.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <syslog.h>

/* NAME stands before each line; it is not copied. */
void log_open(const char *name);
/* PRIORITY as in syslog(3): LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG. */
void log_line(int priority, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)

#endif
