<?php
// SPDX-License-Identifier: MIT
// What bin/compile needs to know of a composer.json, as shell assignments: facts.php FILE

$c = json_decode(file_get_contents($argv[1]), true);
if (!is_array($c)) {
	fwrite(STDERR, " !     composer.json: " . json_last_error_msg() . "\n");
	exit(1);
}
// Autoloading that looks at files, scripts and packages inside the app need the rest of it; so does a
// class map that is the last word, which would else have none of the app's own classes.
$source = isset($c['scripts']) || !empty($c['autoload']['classmap']) || !empty($c['autoload']['files'])
	|| !empty($c['config']['classmap-authoritative'])
	|| in_array('path', array_column($c['repositories'] ?? [], 'type'), true);
$packages = array_filter(array_keys($c['require'] ?? []), fn($name) => str_contains($name, '/'));
$root = $c['extra']['heroku']['document-root'] ?? '';
if (!is_string($root) || !preg_match('#^[A-Za-z0-9._/-]*\z#', $root) || str_contains($root, '..')) {
	fwrite(STDERR, " !     composer.json: extra.heroku.document-root has letters, digits and ._-/ only\n");
	exit(1);
}
echo "root='", rtrim($root, '/'), "'\n";
echo 'needs_source=', $source ? 1 : '', "\n";
echo 'has_packages=', $packages ? 1 : '', "\n";
