"""The measurements behind every plot and table, as data frames; nothing here draws."""
