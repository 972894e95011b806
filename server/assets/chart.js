// Charts: draws what stands in a table as lines.
