"""ExplainS2A and the parts around it: configurations, task, fitting, export, evaluation."""
