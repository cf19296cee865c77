"""What the stages of training and evaluation share; nobody runs these."""
