"""What holds for all calls: threads, forks, faults, memory, bits, compiled code."""
