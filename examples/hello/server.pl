#!/usr/bin/env perl
# A web server in the Perl that every Debian has: answers each request with a greeting, the path
# and a few facts about where it runs, as a page for browsers and as text for everybody else. Each
# connection has a process of its own.
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

my $started = time;

sub hostname {
	open my $file, '<', '/proc/sys/kernel/hostname' or return '?';
	my $name = <$file> // '?';
	chomp $name;
	return $name;
}

# What it knows of itself, in order.
sub facts {
	my ($path) = @_;
	return (
		[ app     => $ENV{DYNO} || '?' ],
		[ path    => $path || '?' ],
		[ release => $ENV{GIT_REV} || $ENV{SOURCE_VERSION} || '?' ],
	);
}

sub text {
	my ($greeting, @facts) = @_;
	return join "\n", $greeting, (map { "$_->[0]: $_->[1]" } @facts), '';
}

sub escape {
	my ($s) = @_;
	my %names = ('&' => '&amp;', '<' => '&lt;', '>' => '&gt;', '"' => '&quot;');
	$s =~ s/([&<>"])/$names{$1}/g;
	return $s;
}

sub page {
	my ($greeting, @facts) = @_;
	push @facts, [ 'alive for' => (time - $started) . ' s' ], [ host => hostname() ];
	my $title = escape($greeting);
	my $rows  = join '', map { sprintf "<tr><th>%s<td>%s\n", map { escape($_) } @$_ } @facts;
	return <<"HTML";
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>$title</title>
<style>
body { margin: 0; min-height: 100vh; display: grid; place-items: center; color: #e8eef4;
	background: linear-gradient(160deg, #0b2239, #14506b 60%, #2f8f83); font: 18px/1.5 system-ui, sans-serif }
main { padding: 2rem 2.5rem; max-width: 34rem; border-radius: 1rem; background: rgb(255 255 255 / .08) }
h1 { margin: 0 0 1rem; font-size: 2.2rem; font-weight: 600 }
th { padding-right: 1.5rem; text-align: left; font-weight: 400; opacity: .7; vertical-align: top }
td { font-family: ui-monospace, monospace; word-break: break-all }
p { margin: 1.5rem 0 0; opacity: .8 }
</style>
<main>
<h1>$title</h1>
<table>
$rows</table>
<p>Change something, commit it, push again: this page changes without missing a request.
</main>
HTML
}

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
		my $html  = ($header{accept} || '') =~ m{text/html};
		my $body  = ($html ? \&page : \&text)->($ENV{GREETING} || 'Hello from Berth', facts($path));
		my $type  = $html ? 'text/html; charset=utf-8' : 'text/plain; charset=utf-8';
		my $close = ($header{connection} || '') =~ /close/i || $stopping;
		printf $client "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s\r\n%s",
		  $type, length $body, ($close ? "Connection: close\r\n" : ''), $body;
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
