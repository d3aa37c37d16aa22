"""A coarse image of many bands and a fine photograph: what both say, on the fine pixels."""
