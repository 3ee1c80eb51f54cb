# SPDX-License-Identifier: MIT
threads 2, 2
port ENV.fetch("PORT") { 3000 }
environment ENV.fetch("RAILS_ENV") { "development" }
