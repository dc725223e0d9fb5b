"""Random networks of every kind, run side by side: is each engine equal to Lava, state by state?"""
