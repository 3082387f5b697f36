async def test_x(database):
    assert await database.read(lambda: 1) == 1
