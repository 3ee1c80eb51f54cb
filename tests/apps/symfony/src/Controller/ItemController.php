<?php
// SPDX-License-Identifier: MIT
namespace App\Controller;

use Symfony\Bundle\FrameworkBundle\Controller\AbstractController;
use Symfony\Component\HttpFoundation\Request;
use Symfony\Component\HttpFoundation\Response;

class ItemController extends AbstractController
{
	public function show(string $name, Request $request): Response
	{
		return $this->json([
			'name' => $name,
			'uri' => $request->getUri(),
			'env' => $this->getParameter('kernel.environment'),
		], 200, [], []);
	}
}
