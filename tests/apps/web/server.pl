# SPDX-License-Identifier: MIT
# Answers "/" with the file `text`, "/env/NAME" with an environment variable, "/say/WORD" after
# printing the word, "/slow" after a second, "/slow/N" after N and a word of it, "/bytes/N" with N
# bytes. A process per connection, kept alive.
use strict;
use warnings;
use IO::Socket::INET;

$| = 1;
$SIG{CHLD} = 'IGNORE';
$SIG{PIPE} = 'IGNORE';
my $stopping = 0;
$SIG{TERM} = sub { $stopping = 1 };
my $server = IO::Socket::INET->new(
	LocalAddr => '0.0.0.0', LocalPort => $ENV{PORT}, Listen => 128, ReuseAddr => 1
) or die "port $ENV{PORT}: $!\n";
print "listening on $ENV{PORT}\n";

sub body {
	my ($path) = @_;
	return defined $ENV{$1} ? "$ENV{$1}\n" : "unset\n" if $path =~ m{^/env/(\w+)$};
	print "said $1\n" if $path =~ m{^/say/(\S+)$};
	return 'x' x $1 if $path =~ m{^/bytes/(\d+)$};
	sleep 1 if $path eq '/slow';
	if ($path =~ m{^/slow/(\d+)$}) {
		print "slow begun\n";
		sleep $1;
	}
	open my $file, '<', 'text' or return "no text\n";
	local $/;
	return <$file>;
}

sub serve {
	my ($client) = @_;
	my $busy = 0;
	$SIG{TERM} = sub { $stopping = 1; exit 0 unless $busy };
	$client->autoflush(1);
	while (defined(my $request = <$client>)) {
		$busy = 1;
		my ($method, $path) = split ' ', $request;
		my $close = 0;
		while (defined(my $line = <$client>)) {
			last if $line =~ /^\r?\n$/;
			$close = 1 if $line =~ /^connection:\s*close/i;
		}
		my $body = body($path || '/');
		$close ||= $stopping;
		printf $client "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n%s\r\n%s",
		  length $body, $close ? "Connection: close\r\n" : '', $body;
		last if $close;
		$busy = 0;
	}
}

until ($stopping) {
	my $client = $server->accept or next;
	my $pid = fork;
	if (defined $pid && $pid == 0) {
		close $server;
		serve($client);
		exit 0;
	}
	close $client;
}
print "stopping\n";
