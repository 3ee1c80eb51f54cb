#!/usr/bin/env perl
# A web server in the Perl that every Debian has: answers each request with a greeting, the path
# and a few facts about where it runs. Each connection has a process of its own.
use strict;
use warnings;
use IO::Socket::INET;

$| = 1;
$SIG{CHLD} = 'IGNORE';
my $stopping = 0;
$SIG{TERM} = sub { $stopping = 1 };

my $port   = $ENV{PORT} || 5000;
my $server = IO::Socket::INET->new(
	LocalAddr => '0.0.0.0', LocalPort => $port, Listen => 128, ReuseAddr => 1,
) or die "listen on $port: $!\n";
print "listening on $port\n";

sub answer {
	my ($client) = @_;
	my $busy = 0;
	local $SIG{TERM} = sub { exit 0 unless $busy; $stopping = 1 };
	$client->autoflush(1);
	while (defined(my $request = <$client>)) {
		$busy = 1;
		my ($method, $path) = split ' ', $request;
		my %header;
		while (defined(my $line = <$client>)) {
			$line =~ s/\r?\n\z//;
			last if $line eq '';
			my ($name, $value) = split /:\s*/, $line, 2;
			$header{ lc $name } = $value;
		}
		my $text = sprintf "%s\napp: %s\npath: %s\nrelease: %s\n",
		  $ENV{GREETING} || 'Hello from Berth', $ENV{DYNO} || '?', $path || '?',
		  $ENV{GIT_REV} || $ENV{SOURCE_VERSION} || '?';
		my $close = ($header{connection} || '') =~ /close/i || $stopping;
		printf $client "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n%s\r\n%s",
		  length $text, ($close ? "Connection: close\r\n" : ''), $text;
		last if $close;
		$busy = 0;
	}
	close $client;
}

until ($stopping) {
	my $client = $server->accept or next;
	my $pid    = fork;
	die "fork: $!\n" unless defined $pid;
	if ($pid == 0) {
		close $server;
		answer($client);
		exit 0;
	}
	close $client;
}
close $server;
print "stopping\n";
