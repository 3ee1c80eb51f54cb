/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/sock.h"
#include "runtime/oci.h"

int oci_console_connect(const char *path, int *out, struct error *err)
{
	return sock_connect(path, SOCK_STREAM, out, err) < 0 ? error_wrap(err, "console socket")
							     : 0;
}

int oci_write_pid(const char *path, pid_t pid, struct error *err)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *folder = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");
	char text[16];
	int n = snprintf(text, sizeof(text), "%d", pid);

	return oci_put(folder, slash ? slash + 1 : path, text, (size_t)n, 0644, err);
}

/* --- attending -------------------------------------------------------------------------------- */

struct attendance {
	int pidfd, console, signals;
	bool raw, in_open;
	struct termios before;
};

static void copy_size(const struct attendance *a)
{
	struct winsize size;

	if (a->console >= 0 && ioctl(0, TIOCGWINSZ, &size) == 0)
		ioctl(a->console, TIOCSWINSZ, &size);
}

static void begin(struct attendance *a)
{
	sigset_t set;

	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	a->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (a->console >= 0 && tcgetattr(0, &a->before) == 0) {
		struct termios raw = a->before;

		cfmakeraw(&raw);
		a->raw = tcsetattr(0, TCSANOW, &raw) == 0;
	}
	copy_size(a);
}

static void end(struct attendance *a)
{
	if (a->raw)
		tcsetattr(0, TCSANOW, &a->before);
	close_fd(a->signals);
}

static void pass_signals(const struct attendance *a)
{
	struct signalfd_siginfo info;

	while (read(a->signals, &info, sizeof(info)) == sizeof(info)) {
		int sig = (int)info.ssi_signo;

		if (sig == SIGWINCH)
			copy_size(a);
		else if (sig != SIGCHLD && sig != SIGPIPE && sig != SIGURG && sig != SIGTTIN &&
			 sig != SIGTTOU && sig != SIGTSTP)
			syscall(SYS_pidfd_send_signal, a->pidfd, sig, NULL, 0);
	}
}

/* Whether FROM may have more. */
static bool copy_some(int from, int to)
{
	char buf[8192];
	ssize_t n = read(from, buf, sizeof(buf));

	if (n <= 0)
		return n < 0 && (errno == EINTR || errno == EAGAIN);
	return file_write_all(to, buf, (size_t)n, NULL) == 0;
}

static void drain(const struct attendance *a)
{
	struct pollfd p = {a->console, POLLIN, 0};

	/* the other end is closed, so what is there is all there is */
	while (a->console >= 0 && poll(&p, 1, 0) == 1 && (p.revents & POLLIN) &&
	       copy_some(a->console, 1))
		;
}

int oci_attend(pid_t pid, int pidfd, int console)
{
	struct attendance a = {
		.pidfd = pidfd, .console = console, .signals = -1, .in_open = console >= 0};
	int status = 0;

	begin(&a);
	for (;;) {
		struct pollfd p[] = {{pidfd, POLLIN, 0},
				     {a.signals, POLLIN, 0},
				     {console, POLLIN, 0},
				     {a.in_open ? 0 : -1, POLLIN, 0}};

		if (poll(p, ARRAY_SIZE(p), -1) < 0 && errno != EINTR)
			break;
		if (p[1].revents)
			pass_signals(&a);
		if (p[2].revents & POLLIN)
			copy_some(console, 1);
		if (p[3].revents)
			a.in_open = copy_some(0, console);
		if (p[0].revents)
			break;
	}
	drain(&a);
	end(&a);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
