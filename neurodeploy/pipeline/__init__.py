"""What the verbs are made of: run folders, stages, inputs."""
