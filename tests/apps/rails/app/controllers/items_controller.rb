# SPDX-License-Identifier: MIT
class ItemsController < ActionController::Base
  def index
    logger.info "items for #{params[:name]}"
  end
end
