<?php
// SPDX-License-Identifier: MIT
require_once dirname(__DIR__) . '/vendor/autoload_runtime.php';

return fn (array $context) => new App\Kernel($context['APP_ENV'], (bool) $context['APP_DEBUG']);
