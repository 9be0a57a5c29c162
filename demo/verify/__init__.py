"""The Verify tab: two faces held against each other, and the thresholds behind the verdict, age by age."""
