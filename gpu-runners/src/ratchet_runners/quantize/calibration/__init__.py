"""What every tensor is seen to hold, in one streamed pass over real rows, and which range follows from that."""
