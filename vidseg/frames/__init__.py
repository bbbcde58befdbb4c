"""What a picture is: planes with their time, geometry and colour."""
