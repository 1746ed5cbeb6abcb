"""What goes to the Hub beside datasets: runs, reports and adapters, each as a folder with its card."""
