# SPDX-License-Identifier: MIT
class CreateItems < ActiveRecord::Migration[6.1]
  def change
    create_table :items do |t|
      t.string :name, null: false
    end
  end
end
