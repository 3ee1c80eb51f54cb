# SPDX-License-Identifier: MIT
Rails.application.routes.draw do
  root to: "items#index"
end
