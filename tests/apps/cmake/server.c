/* SPDX-License-Identifier: MIT */
/* Answers every request with one line. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "word.h"

int main(void)
{
	const char *port = getenv("PORT");
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons((unsigned short)(port ? atol(port) : 0))};
	int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(listener, 16) < 0) {
		perror("listen");
		return 1;
	}
	for (;;) {
		char request[4096], answer[256];
		int fd = accept(listener, NULL, NULL);
		if (fd < 0)
			continue;
		if (read(fd, request, sizeof(request)) > 0) {
			int n = snprintf(answer, sizeof(answer),
					 "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n"
					 "Connection: close\r\n\r\n%s\n",
					 strlen(word()) + 1, word());
			if (write(fd, answer, (size_t)n) < 0)
				perror("write");
		}
		close(fd);
	}
}
