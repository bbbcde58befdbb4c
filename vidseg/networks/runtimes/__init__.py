"""What networks run on: LiteRT on the CPU, TensorFlow on a GPU."""
