"""The program that converts TensorFlow.js graphs, to be run as a child process."""
