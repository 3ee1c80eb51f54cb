# SPDX-License-Identifier: MIT
class Item < ActiveRecord::Base
  validates :name, presence: true
end
